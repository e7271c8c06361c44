//! The CPU time and the memory of a process, on Linux.

use std::fs;
use std::io;
use std::time::Duration;

pub struct Process {
    directory: String,
}

impl Process {
    pub fn new(pid: u32) -> Self {
        Self { directory: format!("/proc/{pid}") }
    }

    /// Returns the CPU time of all its threads so far, in user and kernel mode. It is that of the scheduler, in
    /// nanoseconds; `stat` counts ticks of 10 ms.
    pub fn cpu(&self) -> io::Result<Duration> {
        let mut nanoseconds = 0;
        for thread in fs::read_dir(format!("{}/task", self.directory))? {
            let text = fs::read_to_string(thread?.path().join("schedstat"))?;
            nanoseconds += number(text.split(' ').next())?;
        }
        Ok(Duration::from_nanos(nanoseconds))
    }

    /// Returns its resident memory in KiB.
    pub fn resident(&self) -> io::Result<u64> {
        let text = fs::read_to_string(format!("{}/status", self.directory))?;
        number(text.lines().find_map(|line| line.strip_prefix("VmRSS:")?.strip_suffix("kB")))
    }
}

fn number(text: Option<&str>) -> io::Result<u64> {
    text.and_then(|text| text.trim().parse().ok()).ok_or_else(|| io::Error::other("/proc is not as expected"))
}
