//! The codec of the services: prost's, but checks every request against its bounds first.

use std::fmt;
use std::marker::PhantomData;

use prost::bytes::Buf as _;
use prost::{Message, Name};
use tonic::Status;
use tonic::codec::{Codec, DecodeBuf, Decoder};
use tonic_prost::{ProstCodec, ProstEncoder};

use super::shapes::{self, Root};
use super::transport::call::Call;
use super::{status, walk};
use crate::service::ServiceError;

/// Encodes messages of type `T`, and decodes those of type `U`: requests only within their bounds.
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
            has_decoded: false,
            message: PhantomData,
        }
    }
}

/// Decodes the messages of one call.
pub(crate) struct BoundedDecoder<U> {
    /// The shape of the requests; None on the client's side.
    root: Option<&'static Root>,
    has_decoded: bool,
    message: PhantomData<U>,
}

impl<U> fmt::Debug for BoundedDecoder<U> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BoundedDecoder")
            .field("has_decoded", &self.has_decoded)
            .finish_non_exhaustive()
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
        // tonic reads a call to its end for the trailers, and hands any further message to this
        // decoder.
        if self.has_decoded && !root.is_stream {
            return Err(status::several_messages());
        }
        self.has_decoded = true;
        // The bytes received are charged already: this charges a message that was compressed.
        let charged = Call::current().map_or(Ok(()), |call| call.decoded(source.remaining()));
        charged.map_err(|_| status::budget_exhausted())?;
        // tonic hands over one contiguous buffer.
        let checked = match source.chunk() {
            whole if whole.len() == source.remaining() => walk::check(&root.message, whole),
            _ => Err(ServiceError::Invalid(walk::malformed("it is not contiguous"))),
        };
        checked.map_err(status::status)?;
        U::decode(source).map(Some).map_err(|error| status::invalid(walk::malformed(error)))
    }
}
