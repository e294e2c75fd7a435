//! The guides for authorities and operators, as they are written, with the stock minisign, curl and openssl.

use std::{fs, path::Path, process::Command};

use super::{CONFIG, arrives};
use crate::support::{
    authority::Bundle,
    daemon::{Site, until},
    layout::{BAD_4, Layout},
    skipped,
};

/// The commands of a page of the manual: the block that has this in it.
fn block(page: &str, with: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../docs")
        .join(page);
    let text = fs::read_to_string(path).unwrap();
    let mut blocks = text.split("```\n").filter(|block| block.contains(with));
    let block = blocks
        .next()
        .unwrap_or_else(|| panic!("{page} has no block with {with}"));
    block.to_owned()
}

/// Runs commands in the site's directory, in the router's namespace.
fn sh(layout: &Layout, site: &Site<'_>, commands: &str) -> (bool, String) {
    let mut shell = Command::new("sh");
    shell
        .args(["-e", "-c", commands])
        .current_dir(site.path(""));
    let output = layout.router.run(|| shell.output()).unwrap();
    let text = [output.stdout, output.stderr].map(|bytes| String::from_utf8(bytes).unwrap());
    (output.status.success(), text.concat())
}

fn done(layout: &Layout, site: &Site<'_>, commands: &str) -> String {
    let (success, text) = sh(layout, site, commands);
    assert!(success, "{commands}: {text}");
    text
}

fn ncsc(seq: u64, nets: &[&str]) -> String {
    let mut bundle = Bundle::new(seq, nets);
    bundle.feed = "ncsc";
    bundle.text()
}

#[test]
fn an_authority_blocks_and_unblocks_by_the_guide_as_it_is_written() {
    if skipped() {
        return;
    }
    let layout = Layout::new();
    let site = Site::new(&layout.router);
    let run = |commands: &str| done(&layout, &site, commands);
    run(&block("operator.md", "for ca in servers clients"));
    run(&block("authority.md", "-keyout client.key"));
    let printed = run(&block("operator.md", "x509 -req -in client.csr"));
    let fingerprint = printed
        .lines()
        .find_map(|line| line.split_once("Fingerprint="));
    let (_, fingerprint) = fingerprint.unwrap();
    // The guide has a password asked for at the terminal, of which there is none.
    run("minisign -G -W -p ncsc-2026.pub -s ncsc-2026.key");
    let key = fs::read_to_string(site.path("ncsc-2026.pub")).unwrap();
    let trust = format!(
        "[[key]]\nname = \"ncsc-2026\"\npublic_key = \"\"\"\n{key}\"\"\"\n\
         [[feed]]\nname = \"ncsc\"\nkeys = [\"ncsc-2026\"]\n"
    );
    fs::write(site.path("trust.toml"), trust).unwrap();
    let path = |name: &str| site.path(name).display().to_string();
    site.configure(&format!(
        "{}[push]\nlisten = \"127.0.0.1:8443\"\ncertificate = \"{}\"\nkey = \"{}\"\nclient_ca = \"{}\"\n\
         [[push.client]]\nname = \"ncsc\"\nsha256 = [\"{}\"]\nfeeds = [\"ncsc\"]\n",
        CONFIG.replace("\"cert\"", "\"ncsc\""),
        path("push.crt"),
        path("push.key"),
        path("clients.crt"),
        fingerprint.trim()
    ));
    let _service = site.start();
    run(&block("authority.md", "cat > curlrc"));
    run("echo 'resolve = \"filter.example.net:8443:127.0.0.1\"' >> curlrc; echo silent >> curlrc");
    until("the listener answers", || {
        sh(
            &layout,
            &site,
            &block("authority.md", "curl -K curlrc -o appliance.pub"),
        )
        .0
    });
    assert_eq!(
        fs::read(site.path("appliance.pub")).unwrap(),
        fs::read(site.path("state/appliance.pub")).unwrap()
    );

    run(&block("authority.md", "cat > ncsc-000042.jsonl"));
    let answer = run(&block("authority.md", "\"test\":true,\"kind\""));
    assert!(answer.contains("\"status\":\"test\""), "{answer}");
    assert!(arrives(&layout, BAD_4));
    let answer = run(&block(
        "authority.md",
        "minisign -S -s ncsc-2026.key -m ncsc-000042.jsonl\n",
    ));
    assert!(answer.contains("\"status\":\"enforced\""), "{answer}");
    assert!(!arrives(&layout, BAD_4));
    let receipt = block("authority.md", "minisign -V -m receipt.json");
    let verified = run(&receipt);
    assert!(
        verified.contains("Signature and comment signature verified"),
        "{verified}"
    );
    run("sed -i 's/enforced/Enforced/' receipt.json");
    let (success, text) = sh(
        &layout,
        &site,
        "minisign -V -m receipt.json -p appliance.pub",
    );
    assert!(!success, "{text}");

    let answer = run(&block("authority.md", "sed -e '/\"id\":\"e1\"/d'"));
    assert!(answer.contains("\"status\":\"enforced\""), "{answer}");
    assert!(arrives(&layout, BAD_4));
    run(&receipt.replace("ncsc-000042", "ncsc-000043"));
    let status = run(&block("authority.md", "v1/feeds/ncsc/status"));
    assert!(status.contains("\"seq\":43"), "{status}");
}

#[test]
fn what_either_signs_the_other_verifies_with_keys_of_either() {
    if skipped() {
        return;
    }
    let layout = Layout::new();
    let site = Site::new(&layout.router);
    let run = |commands: &str| done(&layout, &site, commands);
    run("minisign -G -W -p stock.pub -s stock.key");
    site.done(&["bundle", "keygen", "own", "--no-password"]);
    fs::write(site.path("1.jsonl"), ncsc(1, &[BAD_4])).unwrap();
    for key in ["stock", "own"] {
        let (secret, public) = (format!("{key}.key"), format!("{key}.pub"));
        run(&format!("minisign -S -s {secret} -m 1.jsonl"));
        site.done(&["bundle", "verify", "1.jsonl", "--public-key", &public]);
        run("rm 1.jsonl.minisig");
        site.done(&["bundle", "sign", "1.jsonl", "--key", &secret]);
        run(&format!("minisign -V -m 1.jsonl -p {public}"));
        run("cp 1.jsonl 2.jsonl; cp 1.jsonl.minisig 2.jsonl.minisig; echo >> 2.jsonl");
        let (success, text) = sh(
            &layout,
            &site,
            &format!("minisign -V -m 2.jsonl -p {public}"),
        );
        assert!(!success, "{text}");
        let ended = site.cli(&["bundle", "verify", "2.jsonl", "--public-key", &public]);
        assert_ne!(ended.code, Some(0), "{ended:?}");
        run("rm 1.jsonl.minisig");
    }
}

#[test]
fn the_steps_by_which_a_trust_file_is_replaced_work_as_they_are_written() {
    if skipped() {
        return;
    }
    let layout = Layout::new();
    let site = Site::new(&layout.router);
    let run = |commands: &str| done(&layout, &site, commands);
    run("minisign -G -W -p mine.pub -s mine.key; minisign -G -W -p other.pub -s other.key");
    let trust = |version: u64| {
        let key = |name: &str| {
            let text = fs::read_to_string(site.path(&format!("{name}.pub"))).unwrap();
            format!("[[key]]\nname = \"{name}\"\npublic_key = \"\"\"\n{text}\"\"\"\n")
        };
        format!(
            "version = {version}\n[root]\nkeys = [\"mine\", \"other\"]\nthreshold = 2\n{}{}",
            key("mine"),
            key("other")
        )
    };
    fs::write(site.path("trust.toml"), trust(4)).unwrap();
    site.configure(CONFIG);
    let _service = site.start();

    fs::write(site.path("trust-5.toml"), trust(5)).unwrap();
    let page =
        fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/operator.md"))
            .unwrap();
    let written = |command: &str| {
        assert!(
            page.contains(&format!("`{command}`")),
            "the page has no {command}"
        );
        command.to_owned()
    };
    let verify = written("filter-ctl trust verify trust-5.toml --current /etc/levee/trust.toml");
    let verify = verify.replace("/etc/levee/", "");
    let verify: Vec<&str> = verify.split(' ').skip(1).collect();
    let first = written("minisign -S -s mine.key -m trust-5.toml -x trust-5.toml.minisig");
    run(&first);
    assert_eq!(site.cli(&verify).code, Some(3), "one of two has signed");
    run(&first
        .replace("mine", "other")
        .replace("5.toml.minisig", "5.toml.2.minisig"));
    site.done(&verify);
    run(
        "mv trust-5.toml trust.toml; mv trust-5.toml.minisig trust.toml.minisig; \
         mv trust-5.toml.2.minisig trust.toml.2.minisig",
    );
    written("filter-ctl reload");
    site.done(&["reload"]);
    assert_eq!(site.json(&["trust", "show"])["version"], 5);
}
