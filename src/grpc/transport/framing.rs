//! The framing of gRPC messages: each has a flag for compression and its length before it.

/// The size of a message's prefix: a flag, and a length of four bytes.
pub(crate) const PREFIX_BYTES: usize = 5;

/// Follows the messages of a body by their prefixes.
#[derive(Debug, Default)]
pub(crate) struct Framing {
    prefix: [u8; PREFIX_BYTES],
    unfinished: usize,
}

impl Framing {
    /// Bytes received of the unfinished message, its prefix included.
    pub(crate) fn unfinished(&self) -> usize {
        self.unfinished
    }

    /// Forgets the unfinished message.
    pub(crate) fn reset(&mut self) {
        self.unfinished = 0;
    }

    /// Follows the next bytes; returns whether a message ended in them.
    pub(crate) fn advance(&mut self, mut data: &[u8]) -> bool {
        let mut has_ended = false;
        while !data.is_empty() {
            if self.unfinished < self.prefix.len() {
                let (room, rest) = (self.prefix.len() - self.unfinished, data);
                let count = room.min(rest.len());
                self.prefix[self.unfinished..self.unfinished + count]
                    .copy_from_slice(&rest[..count]);
                self.unfinished += count;
                data = &rest[count..];
            }
            if self.unfinished < self.prefix.len() {
                break;
            }
            let [_, length @ ..] = self.prefix;
            let whole = self.prefix.len() + u32::from_be_bytes(length) as usize;
            let count = (whole - self.unfinished).min(data.len());
            self.unfinished += count;
            data = &data[count..];
            if self.unfinished == whole {
                (self.unfinished, has_ended) = (0, true);
            }
        }
        has_ended
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_are_followed_wherever_frames_cut_them() {
        // Three messages: of 3 bytes, of 0, of 300.
        let mut body = vec![0, 0, 0, 0, 3, 9, 9, 9, 0, 0, 0, 0, 0, 0, 0, 0, 1, 44];
        body.extend([7; 300]);
        let ends = [8, 13, 318];
        for size in [1, 2, 3, 5, 7, 11, 318] {
            let (mut framing, mut at) = (Framing::default(), 0);
            for piece in body.chunks(size) {
                let ended = ends.iter().any(|end| (at + 1..=at + piece.len()).contains(end));
                assert_eq!(framing.advance(piece), ended, "{size} bytes at {at}");
                at += piece.len();
                let begun = ends.iter().rev().find(|end| **end <= at).copied().unwrap_or(0);
                assert_eq!(framing.unfinished, at - begun, "{size} bytes at {at}");
            }
        }
    }
}
