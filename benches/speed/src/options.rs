//! The command line: `cargo bench -p speed -- OPTIONS`.

use lexopt::{Arg, Parser, ValueExt};
use std::path::PathBuf;
use std::process::exit;

const HELP: &str = "\
cargo bench -p speed -- [OPTIONS]

  --rounds N       rounds for each workload [41]
  --quick          3 rounds of a selection, no files: checks that everything runs and all results are right
  --only TEXT      only tables and workloads whose titles contain TEXT
  --contender TEXT only contenders whose names contain TEXT, for a profile
  --out DIR        the folder for plots and the JSON file [that of the package]
  --compare FILE   shows the changes since the run that wrote this JSON file
";

#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Options {
    pub rounds: usize,
    pub quick: bool,
    pub only: Option<String>,
    pub contender: Option<String>,
    pub out: Option<PathBuf>,
    pub compare: Option<PathBuf>,
}

impl Options {
    pub fn from_args() -> Self {
        Self::parse(Parser::from_env()).unwrap_or_else(|error| {
            eprintln!("{error}\n\n{HELP}");
            exit(2);
        })
    }

    fn parse(mut parser: Parser) -> Result<Self, lexopt::Error> {
        let mut options = Self { rounds: 41, quick: false, only: None, contender: None, out: None, compare: None };
        while let Some(arg) = parser.next()? {
            match arg {
                Arg::Long("rounds") => options.rounds = parser.value()?.parse()?,
                Arg::Long("quick") => (options.quick, options.rounds) = (true, 3),
                Arg::Long("only") => options.only = Some(parser.value()?.string()?),
                Arg::Long("contender") => options.contender = Some(parser.value()?.string()?),
                Arg::Long("out") => options.out = Some(parser.value()?.into()),
                Arg::Long("compare") => options.compare = Some(parser.value()?.into()),
                Arg::Long("bench") => {} // from cargo
                Arg::Long("help") => {
                    print!("{HELP}");
                    exit(0);
                }
                other => return Err(other.unexpected()),
            }
        }
        Ok(options)
    }

    pub fn wants_contender(&self, name: &str) -> bool {
        self.contender.as_ref().is_none_or(|wanted| name.contains(wanted))
    }

    pub fn wants(&self, table: &str, row: &str) -> bool {
        self.only.as_ref().is_none_or(|only| table.contains(only) || row.contains(only))
    }
}
