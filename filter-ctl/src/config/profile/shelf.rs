//! Where profiles are found: in the program, and in a directory of the operator's own.

use std::{
    collections::BTreeSet,
    fs, io,
    path::{Path, PathBuf},
};

use super::{Profile, ProfileName, ProfileText};
use crate::config::document::{Problem, listed, text_of};

/// Bytes of the file of a profile; a longer one is refused.
pub const PROFILE_BYTES_MAX: u64 = 64 << 10;
/// Files in the directory of profiles; of more, none is listed. One that is named is found nevertheless.
pub const PROFILE_FILES_MAX: usize = 256;

/// The end of the name of a profile's file.
const EXTENSION: &str = ".toml";

/// The profiles that every installation has, by name. The files are those that the manual shows.
const BUILT_IN: [(&str, &str); 3] = [
    (
        "access-network",
        include_str!("../../../../etc/profiles/access-network.toml"),
    ),
    (
        "resolver",
        include_str!("../../../../etc/profiles/resolver.toml"),
    ),
    (
        "web-server",
        include_str!("../../../../etc/profiles/web-server.toml"),
    ),
];

/// Where profiles are looked for.
#[derive(Clone, Debug)]
pub struct Shelf {
    directory: Option<PathBuf>,
}

/// Why there is no such profile.
#[derive(Debug, thiserror::Error)]
pub enum ProfileError {
    /// There is none of that name.
    #[error("`{name}` is no profile: expected one of {}{}", .known.join(", "), or_file(.file.as_deref()))]
    Unknown {
        /// The name.
        name: ProfileName,
        /// Those that there are.
        known: Vec<String>,
        /// The file that it could be in.
        file: Option<PathBuf>,
    },
    /// Its file, or the directory of all of them, cannot be read.
    #[error("cannot read {}: {source}", .path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// Its file is too long.
    #[error("{} has more than {PROFILE_BYTES_MAX} bytes", .0.display())]
    TooLong(PathBuf),
    /// What it says cannot be used.
    #[error("the profile {} cannot be used{}", .path.display(), listed(.problems))]
    Invalid {
        /// The file.
        path: PathBuf,
        /// Everything that is wrong with it.
        problems: Vec<Problem>,
    },
    /// The directory has too many files.
    #[error("{} has more than {PROFILE_FILES_MAX} files: expected profiles alone", .0.display())]
    TooMany(PathBuf),
}

fn or_file(file: Option<&Path>) -> String {
    file.map_or_else(String::new, |file| {
        format!(", or a file {}", file.display())
    })
}

impl ProfileError {
    /// What is wrong, a sentence for each thing.
    #[must_use]
    pub fn sentences(&self) -> Vec<String> {
        match self {
            Self::Invalid { path, problems } => problems
                .iter()
                .map(|problem| format!("{}: {problem}", path.display()))
                .collect(),
            other => vec![other.to_string()],
        }
    }
}

impl Shelf {
    /// The built-in profiles alone.
    #[must_use]
    pub const fn built_in() -> Self {
        Self { directory: None }
    }

    /// Those, and the files of a directory, which need not exist.
    #[must_use]
    pub fn with(directory: &Path) -> Self {
        Self {
            directory: Some(directory.to_owned()),
        }
    }

    /// The profile of this name. A file comes before what is built in: it is the operator's own word.
    pub fn find(&self, name: &ProfileName) -> Result<Profile, ProfileError> {
        let file = self.file(name);
        let text = match &file {
            None => None,
            Some(path) => read(path)?,
        };
        let (file, parsed) = match (text, built_in(name)) {
            (Some(text), _) => (file, ProfileText::parse(&text)),
            (None, Some(text)) => (None, ProfileText::parse(text)),
            (None, None) => {
                return Err(ProfileError::Unknown {
                    name: name.clone(),
                    known: self.known(),
                    file,
                });
            }
        };
        match parsed {
            Ok(text) => Ok(Profile {
                name: name.clone(),
                file,
                text,
            }),
            Err(problems) => Err(ProfileError::Invalid {
                path: file.unwrap_or_else(|| name.as_str().into()),
                problems,
            }),
        }
    }

    /// The names of all profiles, in their order.
    pub fn names(&self) -> Result<BTreeSet<ProfileName>, ProfileError> {
        let mut names = built_in_names();
        let Some(directory) = &self.directory else {
            return Ok(names);
        };
        let unreadable = |source| ProfileError::Read {
            path: directory.clone(),
            source,
        };
        let files = match fs::read_dir(directory) {
            Ok(files) => files,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(names),
            Err(error) => return Err(unreadable(error)),
        };
        for (index, file) in files.enumerate() {
            if index == PROFILE_FILES_MAX {
                return Err(ProfileError::TooMany(directory.clone()));
            }
            let file = file.map_err(unreadable)?.file_name().into_string();
            let name = file.ok().and_then(|file| {
                let name = file.strip_suffix(EXTENSION)?;
                ProfileName::try_from(name.to_owned()).ok()
            });
            names.extend(name);
        }
        Ok(names)
    }

    /// The names, for an error: where the directory cannot be listed, that is not what the error is about.
    fn known(&self) -> Vec<String> {
        let names = self.names().unwrap_or_else(|_| built_in_names());
        names.into_iter().map(String::from).collect()
    }

    fn file(&self, name: &ProfileName) -> Option<PathBuf> {
        let directory = self.directory.as_ref()?;
        Some(directory.join(format!("{name}{EXTENSION}")))
    }
}

/// The text of a file, if it exists.
fn read(path: &Path) -> Result<Option<String>, ProfileError> {
    match text_of(path, PROFILE_BYTES_MAX) {
        Ok(Some(text)) => Ok(Some(text)),
        Ok(None) => Err(ProfileError::TooLong(path.to_owned())),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(source) => Err(ProfileError::Read {
            path: path.to_owned(),
            source,
        }),
    }
}

/// The text of a built-in profile.
pub(in crate::config) fn built_in(name: &ProfileName) -> Option<&'static str> {
    let mut all = BUILT_IN.iter();
    all.find(|(known, _)| *known == name.as_str())
        .map(|(_, text)| *text)
}

fn built_in_names() -> BTreeSet<ProfileName> {
    let names = BUILT_IN.iter().map(|(name, _)| (*name).to_owned());
    names.filter_map(|name| name.try_into().ok()).collect()
}
