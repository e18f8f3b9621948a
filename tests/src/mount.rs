use std::path::{Path, PathBuf};
use std::process::Command;

/// A small file system in memory, mounted for as long as this lives.
#[derive(Debug)]
pub struct SmallDisk {
    path: PathBuf,
}

impl SmallDisk {
    /// Mounts one of so many MiB on this folder, which is made; nothing where this user may not mount.
    pub fn mount(path: &Path, mebibytes: u32) -> Option<Self> {
        std::fs::create_dir_all(path).expect("a folder");
        let size = format!("size={mebibytes}m");
        let mounted = Command::new("mount").args(["-t", "tmpfs", "-o", &size, "tmpfs"]).arg(path).status();
        mounted.is_ok_and(|status| status.success()).then(|| Self { path: path.to_owned() })
    }

    /// Takes all the room that is left, in a file of this name.
    pub fn fill(&self, name: &str) {
        use std::io::Write as _;
        let mut file = std::fs::File::create(self.path.join(name)).expect("a file");
        let mut piece = vec![0_u8; 1 << 20];
        while !piece.is_empty() {
            match file.write(&piece) {
                Ok(written) if written > 0 => {}
                // Down to the last bytes.
                _ => piece.truncate(piece.len() / 2),
            }
        }
    }

    /// Gives that room back.
    pub fn empty(&self, name: &str) {
        std::fs::remove_file(self.path.join(name)).expect("the file is there");
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("--lazy").arg(&self.path).status();
    }
}

/// Runs the test that calls it once more in a user namespace, where mounting is allowed; whoever may not even do that is told so.
pub fn again_as_root() {
    const WITHIN: &str = "VARCO_TEST_NAMESPACE";
    assert!(std::env::var_os(WITHIN).is_none(), "a small disk cannot be mounted in a user namespace either: run this as root");
    let thread = std::thread::current();
    let (test, program) = (thread.name().expect("a test's thread has its name"), std::env::current_exe().expect("this test's program"));
    let mut within = Command::new("unshare");
    within.args(["--user", "--map-root-user", "--mount"]).arg(program).args(["--exact", test, "--nocapture"]).env(WITHIN, "1");
    let output = within.output().expect("unshare is of util-linux");
    let said = String::from_utf8_lossy(&output.stdout) + String::from_utf8_lossy(&output.stderr);
    // Of a test that it does not find the program says that none failed.
    let has_passed = output.status.success() && said.contains("1 passed");
    assert!(has_passed, "mounting a small disk needs root, or user namespaces; or the test failed there:\n{said}");
}
