//! The codec of our services: prost's, with every request checked against its bounds before it is
//! decoded.

use std::fmt;
use std::marker::PhantomData;

use prost::bytes::Buf as _;
use prost::{Message, Name};
use tonic::Status;
use tonic::codec::{Codec, DecodeBuf, Decoder};
use tonic_prost::{ProstCodec, ProstEncoder};

use super::call::Call;
use super::shapes::{self, Root};
use super::{status, walk};
use crate::service::ServiceError;

/// Sends messages of type `T`, and takes those of type `U`; requests of ours only within their
/// bounds.
pub(crate) struct BoundedCodec<T, U>(PhantomData<(T, U)>);

impl<T, U> Default for BoundedCodec<T, U> {
    fn default() -> Self {
        Self(PhantomData)
    }
}

impl<T, U> fmt::Debug for BoundedCodec<T, U> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("BoundedCodec")
    }
}

impl<T: Message + Send + 'static, U: Message + Default + Name + Send + 'static> Codec
    for BoundedCodec<T, U>
{
    type Encode = T;
    type Decode = U;
    type Encoder = ProstEncoder<T>;
    type Decoder = BoundedDecoder<U>;

    fn encoder(&mut self) -> ProstEncoder<T> {
        ProstCodec::<T, U>::default().encoder()
    }

    fn decoder(&mut self) -> BoundedDecoder<U> {
        BoundedDecoder {
            root: shapes::root(U::PACKAGE, U::NAME),
            is_used: false,
            message: PhantomData,
        }
    }
}

/// Decodes the messages of one call.
pub(crate) struct BoundedDecoder<U> {
    /// None for answers, on the side of a client.
    root: Option<&'static Root>,
    is_used: bool,
    message: PhantomData<U>,
}

impl<U> fmt::Debug for BoundedDecoder<U> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BoundedDecoder").field("is_used", &self.is_used).finish_non_exhaustive()
    }
}

impl<U: Message + Default> Decoder for BoundedDecoder<U> {
    type Item = U;
    type Error = Status;

    fn decode(&mut self, source: &mut DecodeBuf<'_>) -> Result<Option<U>, Status> {
        let Some(root) = self.root else {
            return U::decode(source)
                .map(Some)
                .map_err(|error| Status::internal(error.to_string()));
        };
        // tonic reads a call to its end for the sake of trailers: what comes behind the one message
        // comes by here.
        if self.is_used && !root.is_stream {
            return Err(status::several_messages());
        }
        self.is_used = true;
        // What came is charged already: this is for a message that was compressed.
        let charged = Call::current().map_or(Ok(()), |call| call.decoded(source.remaining()));
        charged.map_err(|_| status::budget_exhausted())?;
        // tonic has it in one piece.
        let checked = match source.chunk() {
            whole if whole.len() == source.remaining() => walk::check(&root.message, whole),
            _ => Err(ServiceError::Invalid(walk::malformed("it lies in several pieces"))),
        };
        checked.map_err(status::status)?;
        U::decode(source).map(Some).map_err(|error| status::invalid(walk::malformed(error)))
    }
}
