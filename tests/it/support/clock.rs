//! A wall clock of one process's own, which a test can set. That of the machine is left alone.

use std::{
    fs,
    os::unix::fs::FileExt as _,
    path::{Path, PathBuf},
    process::Command,
};

use super::skip;

/// Adds the number in a file to what the kernel says of the wall clock, and nothing to any other clock.
const SOURCE: &str = r#"
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>
static volatile int64_t *offset;
__attribute__((constructor)) static void map(void) {
    const char *path = getenv("LEVEE_TEST_CLOCK");
    int file = path ? open(path, O_RDONLY) : -1;
    if (file < 0) return;
    void *page = mmap(0, 8, PROT_READ, MAP_SHARED, file, 0);
    if (page != MAP_FAILED) offset = page;
    close(file);
}
int clock_gettime(clockid_t clock, struct timespec *time) {
    int result = syscall(SYS_clock_gettime, clock, time);
    if (result == 0 && clock == CLOCK_REALTIME && offset) time->tv_sec += *offset;
    return result;
}
"#;

/// The clock.
#[derive(Debug)]
pub(crate) struct Clock {
    library: PathBuf,
    offset: PathBuf,
}

impl Clock {
    /// Makes one that is right, with its files in a directory. `None` where nothing compiles it.
    pub(crate) fn new(directory: &Path) -> Option<Self> {
        let [source, library, offset] =
            ["clock.c", "clock.so", "clock"].map(|name| directory.join(name));
        fs::write(&source, SOURCE).unwrap();
        let mut compiler = Command::new("cc");
        compiler
            .args(["-shared", "-fPIC", "-o"])
            .args([&library, &source]);
        let Ok(output) = compiler.output() else {
            skip(None, "needs a C compiler for a clock of its own");
            return None;
        };
        assert!(output.status.success(), "{output:?}");
        let clock = Self { library, offset };
        clock.set(0);
        Some(clock)
    }

    /// Sets it so many seconds ahead, or back.
    pub(crate) fn set(&self, seconds: i64) {
        // In place, because the process looks at this very file.
        let bytes = seconds.to_ne_bytes();
        let mut options = fs::File::options();
        options.create(true).truncate(false).write(true);
        let file = options.open(&self.offset).unwrap();
        file.write_all_at(&bytes, 0).unwrap();
    }

    /// Lets a process go by it.
    pub(crate) fn show(&self, command: &mut Command) {
        command
            .env("LD_PRELOAD", &self.library)
            .env("LEVEE_TEST_CLOCK", &self.offset);
    }
}
