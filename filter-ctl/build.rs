//! Embeds the eBPF object, if there is one, so that the controller is a single file.
//!
//! The object is built by `cargo xtask ebpf`. Without it this crate still builds, so that working
//! on user space takes no eBPF toolchain; `kernel::object` then says at run time what is missing.

use std::{
    env,
    ffi::OsStr,
    fs, io,
    path::{Path, PathBuf},
    time::SystemTime,
};

/// Where the object is, if not where `cargo xtask ebpf` puts it.
const OBJECT_VARIABLE: &str = "FILTER_EBPF_OBJECT";

/// The first bytes of an ELF file, and where and how it names BPF as its machine.
const ELF_MAGIC: &[u8] = b"\x7fELF";
const ELF_MACHINE_OFFSET: usize = 18;
const ELF_MACHINE_BPF: u16 = 247;

fn main() -> io::Result<()> {
    println!("cargo::rerun-if-env-changed={OBJECT_VARIABLE}");
    println!("cargo::rerun-if-changed=build.rs");

    let out_dir = PathBuf::from(variable("OUT_DIR")?);
    let object = match env::var_os(OBJECT_VARIABLE) {
        Some(path) => {
            println!("cargo::rerun-if-changed={}", path.display());
            Some(read_object(Path::new(&path))?)
        }
        None => built_object(&out_dir)?,
    };
    // An empty file stands for no object: `include_bytes!` needs a file in any case.
    fs::write(out_dir.join("filter-ebpf"), object.unwrap_or_default())
}

/// What `cargo xtask ebpf` built for this target directory.
fn built_object(out_dir: &Path) -> io::Result<Option<Vec<u8>>> {
    let target = target_dir(out_dir).ok_or_else(|| {
        let path = out_dir.display();
        io::Error::other(format!(
            "no target directory above {path}: set {OBJECT_VARIABLE}"
        ))
    })?;
    let directory = target.join("ebpf");
    // Cargo takes a watched path that is missing for changed, in every build. The directory is
    // watched and therefore made: cargo sees an object come, change and go in it.
    if !directory.exists() {
        fs::create_dir_all(&directory)?;
        // Made after this script was started, it would count as changed in the next build.
        fs::File::open(&directory)?.set_modified(SystemTime::UNIX_EPOCH)?;
    }
    println!("cargo::rerun-if-changed={}", directory.display());
    let object = directory.join("filter-ebpf");
    object.exists().then(|| read_object(&object)).transpose()
}

/// `OUT_DIR` is `TARGET_DIR/[TRIPLE/]PROFILE/build/...`.
fn target_dir(out_dir: &Path) -> Option<PathBuf> {
    let build = out_dir
        .ancestors()
        .find(|path| path.file_name() == Some(OsStr::new("build")))?;
    let above_profile = build.parent()?.parent()?;
    let triple = env::var_os("TARGET");
    if above_profile.file_name() == triple.as_deref() {
        above_profile.parent().map(Path::to_path_buf)
    } else {
        Some(above_profile.to_path_buf())
    }
}

fn read_object(path: &Path) -> io::Result<Vec<u8>> {
    let bytes = fs::read(path)
        .map_err(|error| io::Error::other(format!("cannot read {}: {error}", path.display())))?;
    let machine = bytes.get(ELF_MACHINE_OFFSET..ELF_MACHINE_OFFSET + 2);
    // BPF objects have the byte order of the machine they run on, which is our target.
    let is_bpf = bytes.starts_with(ELF_MAGIC) && machine == Some(&target_bytes(ELF_MACHINE_BPF)?);
    if !is_bpf {
        let path = path.display();
        return Err(io::Error::other(format!(
            "{path} is not a BPF object of the target's kind"
        )));
    }
    Ok(bytes)
}

fn target_bytes(number: u16) -> io::Result<[u8; 2]> {
    let big = variable("CARGO_CFG_TARGET_ENDIAN")? == "big";
    Ok(if big {
        number.to_be_bytes()
    } else {
        number.to_le_bytes()
    })
}

fn variable(name: &str) -> io::Result<String> {
    env::var(name).map_err(|error| io::Error::other(format!("{name}: {error}")))
}
