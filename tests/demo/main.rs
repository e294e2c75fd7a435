//! Levee's main job, once, on real packets: what `cargo xtask demo` runs.
//!
//! A provider's network in small is made of namespaces and veth pairs; the service filters on its
//! router; an authority signs a bundle of 100,000 prefixes; good and blocked traffic is sent both
//! ways; one order is withdrawn again. Everything that was made is taken away at the end, also after
//! a failure.
#![expect(
    clippy::unwrap_used,
    reason = "a demo that cannot go on says where and ends"
)]
#![expect(clippy::print_stdout, reason = "its purpose")]

mod orders;
mod show;
#[path = "../it/support/mod.rs"]
mod support;
mod traffic;

use std::process::ExitCode;

use show::{done, step};
use support::{
    daemon::Site,
    layout::{BAD_4, DOWN, Layout, UP},
};

fn main() -> ExitCode {
    // SAFETY: takes nothing and cannot fail.
    if unsafe { libc::geteuid() } != 0 {
        println!(
            "The demo loads a program into the kernel and makes network namespaces: run it as root."
        );
        return ExitCode::FAILURE;
    }
    if run() {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}

fn run() -> bool {
    step("Laying out a network: upstream --- router --- customer");
    let layout = Layout::new();
    done("three namespaces, two veth pairs, IPv4 and IPv6, the router forwards");

    step("An authority makes a key; the provider trusts it for the feed `cert`");
    let site = Site::new(&layout.router);
    orders::make_key(&site);
    site.configure(&format!(
        "never_block = [\"198.51.100.0/24\", \"192.0.2.0/24\", \"2001:db8:100::/64\", \"2001:db8:200::/64\"]\n\
         [[interface]]\nname = \"{UP}\"\nrole = \"upstream\"\nmode = \"native\"\n\
         [[interface]]\nname = \"{DOWN}\"\nrole = \"customer\"\nmode = \"native\"\n\
         [[feed]]\nname = \"cert\"\n"
    ));
    done("its scope: prefixes no shorter than /24 and /48, at most 180 days");

    step("Starting `filter-ctl run` on the router");
    let service = site.start();
    done("ready: the program is on both interfaces, in native mode");

    step("The authority signs a bundle of 100,000 prefixes");
    let source = orders::write_bundle(&site);
    site.done(&["bundle", "sign", "--key", "authority.key", "cert.jsonl"]);
    done(&source);

    step("The provider applies it: signature, sequence, scope, policy, tables, kernel");
    let applied = site.cli(&["order", "apply", "cert.jsonl"]);
    show::block(&applied.stdout);
    show::block(&applied.stderr);
    // 3 says that some entries were refused: a real list has some inside never-block space.
    if !matches!(applied.code, Some(0 | 3)) {
        return false;
    }
    done("in force");

    step("Sending traffic both ways: forwarded by the router, and in tags, PPPoE and MPLS");
    let mut good = traffic::table(&layout, traffic::Blocked::Yes);

    step("What the router dropped, and on whose order");
    show::block(&site.done(&["stats"]));
    done(
        "`bogon_source` is only a word here: the addresses of this demo are reserved for documentation",
    );
    step("Why one address is blocked: filter-ctl explain");
    show::block(&site.done(&["explain", BAD_4]));

    step("The order is withdrawn again");
    show::block(&site.done(&[
        "order",
        "withdraw",
        orders::WITHDRAWN,
        "--reason",
        "the letter was revoked",
    ]));
    good &= traffic::table(&layout, traffic::Blocked::No);

    step("Cleaning up");
    service.terminate();
    drop(site);
    drop(layout);
    done("the service, its pins, and the namespaces are gone");
    println!();
    if good {
        println!("Every packet was treated as ordered.");
    } else {
        println!("Some packets were not treated as ordered: see the lines marked WRONG.");
    }
    good
}
