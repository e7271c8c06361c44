//! A deliberately naive inflater: it reads bit by bit, as RFC 1951 and RFC 7692 describe it, and keeps all output.

use barews::ProtocolError;

/// A message size that no test reaches.
pub const NO_LIMIT: usize = 1 << 30;

/// Inflates the messages of one direction of a connection.
pub struct Naive {
    /// All output, or the output since the window was emptied.
    history: Vec<u8>,
    window_size: usize,
    taken_over: bool,
    max_message_size: usize,
    /// The length of the history at which the current message reaches `max_message_size`.
    end: usize,
}

struct Bits<'a> {
    bytes: &'a [u8],
    at: usize,
}

type Result<T> = std::result::Result<T, ProtocolError>;

impl Bits<'_> {
    fn one(&mut self) -> Result<usize> {
        let byte = *self.bytes.get(self.at / 8).ok_or(ProtocolError::DeflateTruncated)?;
        let bit = byte >> (self.at % 8) & 1;
        self.at += 1;
        Ok(bit.into())
    }

    /// Reads a number, lowest bit first.
    fn number(&mut self, bits: usize) -> Result<usize> {
        (0..bits).try_fold(0, |number, n| Ok(number | self.one()? << n))
    }

    fn align(&mut self) {
        self.at = self.at.div_ceil(8) * 8;
    }

    /// Reads the next symbol. A code begins with its highest bit.
    fn symbol(&mut self, code: &[(usize, usize)]) -> Result<usize> {
        let (mut number, mut len) = (0, 0);
        loop {
            // If no code begins with these bits, it is an error, even if the input ends here.
            let possible = |(n, _): &(usize, &(usize, usize))| {
                let (bits, value) = code[*n];
                bits >= len && bits > 0 && value >> (bits - len) == number
            };
            let mut matching = code.iter().enumerate().filter(possible).peekable();
            match matching.peek() {
                None => return Err(ProtocolError::DeflateCode),
                Some((symbol, (bits, _))) if *bits == len => return Ok(*symbol),
                Some(_) => {}
            }
            number = number << 1 | self.one()?;
            len += 1;
        }
    }
}

/// Returns, for each symbol, the length of its code and the code (RFC 1951 section 3.2.2).
fn code(lengths: &[usize], partial: bool) -> Result<Vec<(usize, usize)>> {
    let used: Vec<usize> = lengths.iter().copied().filter(|len| *len > 0).collect();
    let space: usize = used.iter().map(|len| 1 << (15 - len)).sum();
    let is_partial = partial && (used.is_empty() || used == [1]);
    if space > 1 << 15 || (space < 1 << 15 && !is_partial) {
        return Err(ProtocolError::DeflateCode);
    }
    let (mut codes, mut next) = (vec![(0, 0); lengths.len()], 0);
    for len in 1..=15 {
        next <<= 1;
        for symbol in (0..lengths.len()).filter(|n| lengths[*n] == len) {
            codes[symbol] = (len, next);
            next += 1;
        }
    }
    Ok(codes)
}

impl Naive {
    /// Returns an inflater with a window of this many bytes. Each message begins with an empty one unless it is `taken_over`.
    pub fn new(window_size: usize, taken_over: bool, max_message_size: usize) -> Self {
        Self { history: Vec::new(), window_size, taken_over, max_message_size, end: 0 }
    }

    fn push(&mut self, byte: u8) -> Result<()> {
        if self.history.len() == self.end {
            return Err(ProtocolError::MessageTooBig);
        }
        self.history.push(byte);
        Ok(())
    }

    /// Inflates a whole message. Returns all output, and whether there was an error after it.
    pub fn message(&mut self, payload: &[u8]) -> (Vec<u8>, Result<()>) {
        if !self.taken_over {
            self.history.clear();
        }
        let start = self.history.len();
        self.end = start + self.max_message_size;
        let outcome = self.blocks(payload);
        (self.history[start..].to_vec(), outcome)
    }

    fn blocks(&mut self, payload: &[u8]) -> Result<()> {
        let bytes = [payload, &[0, 0, 0xFF, 0xFF]].concat();
        let mut bits = Bits { bytes: &bytes, at: 0 };
        let mut last_block = false;
        while bits.at < bytes.len() * 8 {
            if last_block && bits.at == payload.len() * 8 {
                break; // complete without an empty block
            }
            last_block = bits.number(1)? == 1;
            match bits.number(2)? {
                0 => {
                    bits.align();
                    let (len, complement) = (bits.number(16)?, bits.number(16)?);
                    if len != !complement & 0xFFFF {
                        return Err(ProtocolError::DeflateStoredLength);
                    }
                    for _ in 0..len {
                        let byte = bits.number(8)?;
                        self.push(byte as u8)?;
                    }
                }
                1 => {
                    let lengths = [vec![8; 144], vec![9; 112], vec![7; 24], vec![8; 8]].concat();
                    self.symbols(&mut bits, &code(&lengths, false)?, &code(&[5; 32], false)?)?;
                }
                2 => {
                    let (literals, distances) = dynamic(&mut bits)?;
                    self.symbols(&mut bits, &literals, &distances)?;
                }
                _ => return Err(ProtocolError::DeflateBlockType),
            }
            if last_block {
                bits.align();
            }
        }
        Ok(())
    }

    fn symbols(
        &mut self,
        bits: &mut Bits<'_>,
        literals: &[(usize, usize)],
        distances: &[(usize, usize)],
    ) -> Result<()> {
        loop {
            let symbol = bits.symbol(literals)?;
            let length = match symbol {
                0..256 => {
                    self.push(symbol as u8)?;
                    continue;
                }
                256 => return Ok(()),
                257..265 => symbol - 254,
                265..285 => {
                    let extra = (symbol - 261) / 4;
                    (((symbol - 261) % 4 + 4) << extra) + 3 + bits.number(extra)?
                }
                285 => 258,
                _ => return Err(ProtocolError::DeflateCode),
            };
            let symbol = bits.symbol(distances)?;
            let distance = match symbol {
                0..4 => symbol + 1,
                4..30 => {
                    let extra = symbol / 2 - 1;
                    ((symbol % 2 + 2) << extra) + 1 + bits.number(extra)?
                }
                _ => return Err(ProtocolError::DeflateCode),
            };
            if distance > self.history.len().min(self.window_size) {
                return Err(ProtocolError::DeflateDistance);
            }
            for _ in 0..length {
                self.push(self.history[self.history.len() - distance])?;
            }
        }
    }
}

type Code = Vec<(usize, usize)>;

fn dynamic(bits: &mut Bits<'_>) -> Result<(Code, Code)> {
    let (literal_count, distance_count) = (bits.number(5)? + 257, bits.number(5)? + 1);
    let code_length_count = bits.number(4)? + 4;
    if literal_count > 286 || distance_count > 30 {
        return Err(ProtocolError::DeflateCode);
    }
    let order = [16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15];
    let mut lengths = [0; 19];
    for symbol in &order[..code_length_count] {
        lengths[*symbol] = bits.number(3)?;
    }
    let code_lengths = code(&lengths, false)?;
    let mut lengths = Vec::new();
    while lengths.len() < literal_count + distance_count {
        let symbol = bits.symbol(&code_lengths)?;
        let (length, repeated) = match symbol {
            16 => (lengths.last().copied(), bits.number(2)? + 3),
            17 => (Some(0), bits.number(3)? + 3),
            18 => (Some(0), bits.number(7)? + 11),
            _ => (Some(symbol), 1),
        };
        let length = length.ok_or(ProtocolError::DeflateCode)?;
        lengths.extend(vec![length; repeated]);
        if lengths.len() > literal_count + distance_count {
            return Err(ProtocolError::DeflateCode);
        }
    }
    let (literals, distances) = lengths.split_at(literal_count);
    if literals[256] == 0 {
        return Err(ProtocolError::DeflateCode);
    }
    Ok((code(literals, true)?, code(distances, true)?))
}
