//! The layer `wire`.

use barews::wire::{CloseCode, CloseFrame, EncodedHeader, FrameHeader, Mask, Opcode, Rsv, Utf8Validator};
use barews::{HandshakeError, ProtocolError};

use crate::{Unknown, calls};

#[unsafe(no_mangle)]
pub fn wire(
    u: &mut Unknown<'_>,
    header: &FrameHeader,
    encoded: &EncodedHeader,
    mask: &mut Mask,
    utf8: &mut Utf8Validator,
    close: &CloseFrame<'_>,
) {
    calls!(u.which;
        FrameHeader::parse(u.bytes),
        header.encode(),
        encoded.as_bytes(),
        Opcode::from_bits(u.byte),
        header.opcode.bits(),
        header.opcode.is_control(),
        header.opcode.is_reserved(),
        u.kind.opcode(),
        Rsv::from_bits(u.byte),
        header.rsv.bits(),
        header.rsv.is_empty(),
        header.rsv.contains(Rsv::from_bits(u.byte)),
        header.rsv.without(Rsv::from_bits(u.byte)) | Rsv::RSV1,
        Mask::new([u.byte; 4]),
        mask.apply(u.bytes),
        Utf8Validator::new(),
        utf8.push(u.bytes),
        utf8.is_complete(),
        utf8.finish(),
        CloseCode(u.short).is_allowed(),
        CloseFrame::new(CloseCode(u.short), u.text),
        CloseFrame::parse(u.bytes),
        close.code(),
        close.reason(),
    );
}

#[unsafe(no_mangle)]
pub fn errors(u: &mut Unknown<'_>, protocol: ProtocolError, handshake: HandshakeError) {
    calls!(u.which; protocol.close_code(), handshake.status());
}
