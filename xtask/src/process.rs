//! Running other programs, so that a failure names the command and shows how it ended.

use std::{
    env,
    ffi::OsString,
    io::{self, BufRead, BufReader, ErrorKind, Write},
    process::{Command, Output, Stdio},
};

use anyhow::{Context as _, Result, bail};

/// How many lines of a failed command's output its error shows.
const TAIL_LINES: usize = 30;

/// The cargo that started this task.
pub(crate) fn cargo() -> Command {
    Command::new(env::var_os("CARGO").unwrap_or_else(|| OsString::from("cargo")))
}

/// Runs `command` quietly and returns what it printed on its standard output.
pub(crate) fn output(command: &mut Command) -> Result<String> {
    let shown = show(command);
    let Output {
        status,
        stdout,
        stderr,
    } = command
        .stdin(Stdio::null())
        .output()
        .with_context(|| format!("cannot run `{shown}`"))?;
    let stdout = String::from_utf8_lossy(&stdout).into_owned();
    if !status.success() {
        let printed = format!("{stdout}{}", String::from_utf8_lossy(&stderr));
        bail!("`{shown}` failed ({status}):\n{}", tail(&printed));
    }
    Ok(stdout)
}

/// Like [`output`], but a program that is missing or fails is an answer: `None`.
pub(crate) fn try_output(command: &mut Command) -> Option<String> {
    let Output { status, stdout, .. } = command
        .stdin(Stdio::null())
        .stderr(Stdio::null())
        .output()
        .ok()?;
    status
        .success()
        .then(|| String::from_utf8_lossy(&stdout).into_owned())
}

/// Runs `command` with its output going straight through to the developer.
pub(crate) fn pass_through(command: &mut Command) -> Result<()> {
    let shown = show(command);
    let status = command
        .stdin(Stdio::null())
        .status()
        .with_context(|| format!("cannot run `{shown}`"))?;
    if !status.success() {
        bail!("`{shown}` failed ({status})");
    }
    Ok(())
}

/// Like [`pass_through`], and hands each line of the standard output to `line` as well.
pub(crate) fn tee(command: &mut Command, line: impl FnMut(&str)) -> Result<()> {
    listen(command, io::stdout().lock(), line)
}

/// Like [`tee`], but only the standard error goes to the developer.
pub(crate) fn read(command: &mut Command, line: impl FnMut(&str)) -> Result<()> {
    listen(command, io::sink(), line)
}

fn listen(command: &mut Command, to: impl Write, line: impl FnMut(&str)) -> Result<()> {
    let shown = show(command);
    let mut child = command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .spawn()
        .with_context(|| format!("cannot run `{shown}`"))?;
    if let Some(from) = child.stdout.take() {
        forward(BufReader::new(from), to, line)
            .with_context(|| format!("cannot pass on the output of `{shown}`"))?;
    }
    let status = child
        .wait()
        .with_context(|| format!("cannot wait for `{shown}`"))?;
    if !status.success() {
        bail!("`{shown}` failed ({status})");
    }
    Ok(())
}

fn forward(mut from: impl BufRead, mut to: impl Write, mut line: impl FnMut(&str)) -> Result<()> {
    let mut bytes = Vec::new();
    while from.read_until(b'\n', &mut bytes)? > 0 {
        match to.write_all(&bytes).and_then(|()| to.flush()) {
            // A reader that has gone away (`| head`) must not end the run: its result counts.
            Err(error) if error.kind() != ErrorKind::BrokenPipe => return Err(error.into()),
            _ => {}
        }
        line(String::from_utf8_lossy(&bytes).trim_end_matches('\n'));
        bytes.clear();
    }
    Ok(())
}

/// Whether `program` is in one of the directories of PATH.
pub(crate) fn in_path(program: &str) -> bool {
    env::var_os("PATH")
        .is_some_and(|path| env::split_paths(&path).any(|dir| dir.join(program).is_file()))
}

/// The command line as a developer would type it, with the variables set for it.
pub(crate) fn show(command: &Command) -> String {
    let variables = command.get_envs().filter_map(|(name, value)| {
        Some(format!(
            "{}={}",
            name.to_string_lossy(),
            quote(&value?.to_string_lossy())
        ))
    });
    let words = [command.get_program()]
        .into_iter()
        .chain(command.get_args());
    variables
        .chain(words.map(|word| quote(&word.to_string_lossy())))
        .collect::<Vec<_>>()
        .join(" ")
}

/// A word as the shell reads it back.
fn quote(word: &str) -> String {
    let is_plain = |b: u8| b.is_ascii_alphanumeric() || b"-_=./:+,@%".contains(&b);
    if !word.is_empty() && word.bytes().all(is_plain) {
        return word.to_owned();
    }
    let escaped = word
        .replace('\\', "\\\\")
        .replace('\'', "\\'")
        .replace('\u{1f}', "\\x1f");
    if escaped == word {
        format!("'{word}'")
    } else {
        format!("$'{escaped}'")
    }
}

/// The last lines of a program's output.
pub(crate) fn tail(text: &str) -> String {
    let lines: Vec<&str> = text.lines().collect();
    lines[lines.len().saturating_sub(TAIL_LINES)..].join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failure_names_the_command_and_shows_its_last_lines() {
        let script = "seq 1 100; echo broken >&2; exit 7";
        let error = output(Command::new("sh").args(["-c", script]).env("KEY", "value"))
            .expect_err("the script exits with 7");
        let text = error.to_string();
        assert!(text.starts_with("`KEY=value sh -c "), "{text}");
        assert!(text.contains("exit status: 7"), "{text}");
        assert!(text.ends_with("99\n100\nbroken"), "{text}");
        assert!(!text.contains("\n70\n"), "{text}");
    }

    #[test]
    fn output_is_passed_on_and_read_line_by_line() {
        let mut passed_on = Vec::new();
        let mut lines = Vec::new();
        let bytes: &[u8] = b"a\n\xff\nb";
        forward(bytes, &mut passed_on, |line| lines.push(line.to_owned())).unwrap();
        assert_eq!(passed_on, bytes);
        assert_eq!(lines, ["a", "\u{fffd}", "b"]);
    }

    #[test]
    fn commands_are_shown_as_the_shell_reads_them() {
        let mut command = Command::new("cargo");
        command
            .env("FLAGS", "-a\u{1f}-b")
            .args(["--features=x", "two words", "it's"]);
        assert_eq!(
            show(&command),
            r"FLAGS=$'-a\x1f-b' cargo --features=x 'two words' $'it\'s'"
        );
    }

    #[test]
    fn a_missing_program_is_an_answer() {
        assert_eq!(
            try_output(&mut Command::new("no-such-program-of-levee")),
            None
        );
    }
}
