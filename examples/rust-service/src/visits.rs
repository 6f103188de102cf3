//! A count that outlives the container, in a file on a volume.

use std::{
    fs, io,
    path::{Path, PathBuf},
    sync::{Mutex, PoisonError},
};

/// The count of visits.
pub struct Visits {
    file: PathBuf,
    count: Mutex<u64>,
}

impl Visits {
    /// Reads the count from the folder; none there is none so far.
    pub fn open(folder: &Path) -> io::Result<Self> {
        let file = folder.join("visits");
        let count = match fs::read_to_string(&file) {
            Ok(text) => text.trim().parse().map_err(|err| {
                io::Error::new(
                    io::ErrorKind::InvalidData,
                    format!("{file:?} holds no count: {err}"),
                )
            })?,
            Err(err) if err.kind() == io::ErrorKind::NotFound => 0,
            Err(err) => return Err(io::Error::new(err.kind(), format!("read {file:?}: {err}"))),
        };
        Ok(Visits {
            file,
            count: Mutex::new(count),
        })
    }

    /// Counts one more, and returns how many it are now.
    pub fn add(&self) -> io::Result<u64> {
        let mut count = self.count.lock().unwrap_or_else(PoisonError::into_inner);
        *count += 1;
        self.write(*count)?;
        Ok(*count)
    }

    /// Saves the count as it is.
    pub fn save(&self) -> io::Result<()> {
        self.write(*self.count.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Renames over the old file, so that a crash leaves the old count or the new one.
    fn write(&self, count: u64) -> io::Result<()> {
        let new = self.file.with_extension("new");
        fs::write(&new, format!("{count}\n"))?;
        fs::rename(new, &self.file)
    }
}

#[cfg(test)]
pub mod tests {
    use super::*;

    /// A folder that is gone at the end of a test.
    pub struct Folder(pub PathBuf);

    impl Folder {
        pub fn new(name: &str) -> Self {
            let path =
                std::env::temp_dir().join(format!("rust-service-{name}-{}", std::process::id()));
            fs::create_dir_all(&path).unwrap();
            Folder(path)
        }
    }

    impl Drop for Folder {
        fn drop(&mut self) {
            let _ = fs::remove_dir_all(&self.0);
        }
    }

    #[test]
    fn goes_on_counting_after_a_restart() {
        let folder = Folder::new("restart");
        let visits = Visits::open(&folder.0).unwrap();
        assert_eq!(visits.add().unwrap(), 1);
        visits.save().unwrap();
        assert_eq!(Visits::open(&folder.0).unwrap().add().unwrap(), 2);
    }

    #[test]
    fn does_not_start_over_from_a_broken_file() {
        let folder = Folder::new("broken");
        fs::write(folder.0.join("visits"), "many").unwrap();
        let err = Visits::open(&folder.0).err().unwrap();
        assert!(err.to_string().contains("holds no count"), "{err}");
    }
}
