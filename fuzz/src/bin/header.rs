//! Frame headers and masks are parsed and encoded as by a naive reader and writer.
#![cfg_attr(fuzzing, no_main)]

use arbitrary::Arbitrary;
use barews::ProtocolError as E;
use barews::wire::{FrameHeader, Mask, Opcode, Rsv};
use barews_fuzz::{Bytes, Cuts};
use barews_testkit::raw;

#[derive(Debug, Arbitrary)]
pub struct Input<'a> {
    pub fin: bool,
    pub rsv: u8,
    pub opcode: u8,
    pub key: [u8; 4],
    pub masked: bool,
    /// The length is `len >> shift`, so that all magnitudes are equally likely.
    pub len: u64,
    pub shift: u8,
    pub cuts: Cuts,
    pub bytes: Bytes<'a>,
}

impl Input<'_> {
    pub fn check(&self) {
        parse(self.bytes.0);
        self.round_trip();
        self.mask();
    }

    /// Every header can be encoded, and an encoded header can be parsed unless it breaks a rule.
    fn round_trip(&self) {
        let header = FrameHeader {
            fin: self.fin,
            rsv: Rsv::from_bits(self.rsv),
            opcode: Opcode::from_bits(self.opcode),
            masking_key: self.masked.then_some(self.key),
            payload_len: self.len >> (1 + self.shift % 63),
        };
        let first = u8::from(self.fin) << 7 | (self.rsv & 7) << 4 | self.opcode & 0xF;
        let encoded = header.encode();
        let bytes = encoded.as_bytes();
        assert_eq!(bytes, raw::header(first, header.masking_key, header.payload_len));
        parse(bytes);
        let broken = header.opcode.is_control() && (!header.fin || header.payload_len > 125);
        assert_eq!(FrameHeader::parse(bytes).is_err(), broken);
        if !broken {
            let longer = [bytes, self.bytes.0].concat();
            assert_eq!(FrameHeader::parse(&longer), Ok(Some((header, bytes.len()))));
        }
    }

    /// Masks in pieces (RFC 6455 section 5.3).
    fn mask(&self) {
        let mut mask = Mask::new(self.key);
        let mut masked = Vec::new();
        for piece in self.cuts.pieces(self.bytes.0) {
            let mut piece = piece.to_vec();
            mask.apply(&mut piece);
            masked.extend(piece);
        }
        assert_eq!(masked, raw::mask(self.key, 0, self.bytes.0));
    }
}

/// Checks that the header at the start of the bytes is parsed as by a naive reader, and that an incomplete one is not parsed.
fn parse(bytes: &[u8]) {
    let Some(raw::Header { first, short, len, key, size }) = raw::read_header(bytes) else {
        return assert_eq!(FrameHeader::parse(bytes), Ok(None));
    };
    (0..size).for_each(|end| assert_eq!(FrameHeader::parse(&bytes[..end]), Ok(None)));
    let control = first & 8 != 0;
    let rules = [
        (len >= 1 << 63, E::LengthTooLarge),
        (short == 126 && len < 126 || short == 127 && len < 0x1_0000, E::LengthNotMinimal),
        (control && first & 0x80 == 0, E::FragmentedControl),
        (control && len > 125, E::ControlTooLong),
    ];
    let header = FrameHeader {
        fin: first & 0x80 != 0,
        rsv: Rsv::from_bits(first >> 4),
        opcode: Opcode::from_bits(first),
        masking_key: key,
        payload_len: len,
    };
    let expected = match rules.iter().find(|(broken, _)| *broken) {
        Some((_, error)) => Err(*error),
        None => Ok(Some((header, size))),
    };
    assert_eq!(FrameHeader::parse(bytes), expected);
    assert_eq!(FrameHeader::parse(&bytes[..size]), expected);
}

barews_fuzz::target!(|input: Input<'_>| input.check());
