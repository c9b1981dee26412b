//! Calls Classify evenly in time, whether or not earlier calls have been answered, and says how
//! long answers took: see `benches/serving.sh`.
//!
//!     cargo run --release --example load -- ADDRESS BODIES CALLS RATE CONNECTIONS
//!
//! BODIES is a file of requests as gRPC frames them, one after another; the calls take them in
//! turns. With a RATE of 0 the calls are not paced: each connection has eight of them open at a
//! time. Prints one JSON object. Times are from the moment a call was due, which leaves nothing out
//! where the generator or the server falls behind, and from the moment it was sent. What is spoken
//! is as little of HTTP/2 as will do, from plain threads: a client library takes more of the cores
//! than the server.

use std::fs;
use std::io::{self, Read as _, Write as _};
use std::net::TcpStream;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Condvar, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail, ensure};

const PATH: &str = "/slugline.v1.ClassificationService/Classify";
const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
/// Frame types, and flags, of RFC 9113.
const DATA: u8 = 0;
const HEADERS: u8 = 1;
const RST_STREAM: u8 = 3;
const SETTINGS: u8 = 4;
const PING: u8 = 6;
const GOAWAY: u8 = 7;
const WINDOW_UPDATE: u8 = 8;
const END_STREAM: u8 = 1;
const ACK: u8 = 1;
const END_HEADERS: u8 = 4;
const LARGEST_FRAME: usize = 16 << 10;
/// What a server takes on a stream before it says that more may come, at least.
const LARGEST_REQUEST: usize = 65_535;
/// So much may come on a connection before it is told that more may come.
const WINDOW: u32 = 1 << 30;
/// How many calls a connection has open where they are not paced.
const STREAMS: u64 = 8;

fn frame(into: &mut Vec<u8>, kind: u8, flags: u8, stream: u32, payload: &[u8]) {
    into.extend(&(payload.len() as u32).to_be_bytes()[1..]);
    into.extend([kind, flags]);
    into.extend(stream.to_be_bytes());
    into.extend(payload);
}

/// The fields of a request, as literals that no table remembers.
fn request_headers(address: &str) -> Vec<u8> {
    let mut block = Vec::new();
    let fields = [
        (":method", "POST"),
        (":scheme", "http"),
        (":path", PATH),
        (":authority", address),
        ("content-type", "application/grpc"),
        ("te", "trailers"),
    ];
    for (name, value) in fields {
        // All are shorter than the 127 bytes whose length takes one byte.
        block.extend([0, name.len() as u8]);
        block.extend(name.as_bytes());
        block.push(value.len() as u8);
        block.extend(value.as_bytes());
    }
    block
}

/// The requests of a file: each a byte that says it is not compressed, its length, itself.
fn requests(mut bytes: &[u8]) -> anyhow::Result<Vec<&[u8]>> {
    let mut requests = Vec::new();
    while let Some(&[0, a, b, c, d]) = bytes.first_chunk() {
        let length = u32::from_be_bytes([a, b, c, d]) as usize + 5;
        ensure!(length <= bytes.len(), "the last request is cut short");
        ensure!(
            length <= LARGEST_REQUEST,
            "a request of {length} bytes would have to wait for the server to open its window"
        );
        requests.push(&bytes[..length]);
        bytes = &bytes[length..];
    }
    ensure!(bytes.is_empty() && !requests.is_empty(), "that is no file of requests");
    Ok(requests)
}

struct Connection {
    /// What writes: the calls, and the answers to the server's own questions.
    out: Mutex<TcpStream>,
    /// How many calls were answered, for those who wait for it.
    answered: Mutex<u64>,
    changed: Condvar,
}

impl Connection {
    fn open(address: &str) -> anyhow::Result<(Self, TcpStream)> {
        let stream =
            TcpStream::connect(address).with_context(|| format!("cannot connect to {address}"))?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(Duration::from_secs(30)))?;
        let mut start = PREFACE.to_vec();
        // No push; no table of fields; a stream may send all it likes.
        let settings = [(1_u16, 0_u32), (2, 0), (4, WINDOW)];
        let settings: Vec<u8> = settings
            .iter()
            .flat_map(|(key, value)| [&key.to_be_bytes()[..], &value.to_be_bytes()].concat())
            .collect();
        frame(&mut start, SETTINGS, 0, 0, &settings);
        frame(&mut start, WINDOW_UPDATE, 0, 0, &WINDOW.to_be_bytes());
        let mut out = stream.try_clone()?;
        out.write_all(&start)?;
        Ok((
            Self { out: Mutex::new(out), answered: Mutex::new(0), changed: Condvar::new() },
            stream,
        ))
    }

    fn write(&self, bytes: &[u8]) -> io::Result<()> {
        self.out.lock().expect("no thread panics").write_all(bytes)
    }

    /// Comes back when fewer than `most` of `sent` calls are open.
    fn wait(&self, sent: u64, most: u64) {
        let answered = self.answered.lock().expect("no thread panics");
        drop(
            self.changed
                .wait_while(answered, |answered| sent.saturating_sub(*answered) >= most)
                .expect("no thread panics"),
        );
    }

    /// Reads answers until there were `count`; `done` is told which call of the connection was
    /// answered.
    fn read(
        &self,
        mut stream: TcpStream,
        count: u64,
        mut done: impl FnMut(u64),
    ) -> anyhow::Result<()> {
        let mut buffer = Vec::with_capacity(1 << 20);
        let mut chunk = vec![0; 256 << 10];
        let (mut answered, mut unannounced) = (0, 0_u32);
        while answered < count {
            let before = answered;
            let size = stream.read(&mut chunk).context("no answer within half a minute")?;
            ensure!(size > 0, "the server closed a connection");
            buffer.extend(&chunk[..size]);
            let mut rest = &buffer[..];
            while let Some((&[a, b, c, kind, flags, e, f, g, h], after)) = rest.split_first_chunk()
            {
                let length = u32::from_be_bytes([0, a, b, c]) as usize;
                let Some((payload, after)) = after.split_at_checked(length) else { break };
                let id = u32::from_be_bytes([e, f, g, h]);
                rest = after;
                match kind {
                    DATA => {
                        // An error has no message.
                        ensure!(length > 20, "an answer holds no classification");
                        unannounced += length as u32;
                    }
                    HEADERS if flags & END_STREAM != 0 => {
                        done(u64::from(id / 2));
                        answered += 1;
                    }
                    RST_STREAM | GOAWAY => bail!("the server refused a call: {payload:?}"),
                    SETTINGS if flags & ACK == 0 => {
                        let mut answer = Vec::new();
                        frame(&mut answer, SETTINGS, ACK, 0, &[]);
                        self.write(&answer)?;
                    }
                    PING if flags & ACK == 0 => {
                        let mut answer = Vec::new();
                        frame(&mut answer, PING, ACK, 0, payload);
                        self.write(&answer)?;
                    }
                    _ => {}
                }
            }
            let used = buffer.len() - rest.len();
            buffer.drain(..used);
            if unannounced > WINDOW / 2 {
                let mut update = Vec::new();
                frame(&mut update, WINDOW_UPDATE, 0, 0, &unannounced.to_be_bytes());
                self.write(&update)?;
                unannounced = 0;
            }
            if answered > before {
                *self.answered.lock().expect("no thread panics") = answered;
                self.changed.notify_one();
            }
        }
        Ok(())
    }
}

/// Processor time of this process, in seconds.
fn processor_seconds() -> f64 {
    let stat = fs::read_to_string("/proc/self/stat").unwrap_or_default();
    // After the name, which may hold blanks, utime and stime are the 12th and 13th; a tick is 10
    // ms.
    let fields: Vec<&str> =
        stat.rsplit(')').next().unwrap_or_default().split_whitespace().collect();
    let ticks = |place: usize| {
        fields.get(place).and_then(|field| field.parse::<f64>().ok()).unwrap_or(f64::NAN)
    };
    (ticks(11) + ticks(12)) / 100.0
}

fn percentiles(mut times: Vec<u64>) -> String {
    times.sort_unstable();
    let at = |share: f64| times[((times.len() - 1) as f64 * share) as usize] / 1_000;
    format!(
        "{{\"p50_us\": {}, \"p90_us\": {}, \"p99_us\": {}, \"max_us\": {}}}",
        at(0.5),
        at(0.9),
        at(0.99),
        at(1.0)
    )
}

fn main() -> anyhow::Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [address, bodies, calls, rate, connections] = &arguments[..] else {
        bail!("usage: load ADDRESS BODIES CALLS RATE CONNECTIONS");
    };
    let (rate, lanes): (u64, u64) = (rate.parse()?, connections.parse()?);
    ensure!(lanes > 0, "a connection is needed");
    let calls = calls.parse::<u64>()?.max(lanes) / lanes * lanes;
    let bodies = fs::read(bodies).with_context(|| format!("cannot read {bodies}"))?;
    let requests = requests(&bodies)?;
    let headers = request_headers(address);
    let call = |number: u64, buffer: &mut Vec<u8>| {
        let stream = (number / lanes * 2 + 1) as u32;
        buffer.clear();
        frame(buffer, HEADERS, END_HEADERS, stream, &headers);
        let mut pieces =
            requests[number as usize % requests.len()].chunks(LARGEST_FRAME).peekable();
        while let Some(piece) = pieces.next() {
            frame(
                buffer,
                DATA,
                if pieces.peek().is_none() { END_STREAM } else { 0 },
                stream,
                piece,
            );
        }
    };

    let (mut open, mut streams) = (Vec::new(), Vec::new());
    for _ in 0..lanes {
        let (connection, stream) = Connection::open(address)?;
        open.push(connection);
        streams.push(stream);
    }
    // By call, in nanoseconds from the start. Unpaced calls may be millions: their times are not
    // kept.
    let kept = if rate == 0 { 0 } else { calls as usize };
    let [sent, ended] = [(); 2].map(|()| (0..kept).map(|_| AtomicU64::new(0)).collect::<Vec<_>>());
    let due = |number: usize| (number as u64 * 1_000_000_000).checked_div(rate).unwrap_or(0);
    let processor_before = processor_seconds();
    let started = Instant::now();
    let now = || started.elapsed().as_nanos() as u64;
    thread::scope(|scope| {
        let readers: Vec<_> = (0..lanes)
            .zip(&open)
            .zip(streams)
            .map(|((lane, connection), stream)| {
                let ended = &ended;
                scope.spawn(move || {
                    let outcome = connection.read(stream, calls / lanes, |number| {
                        if let Some(time) = ended.get((number * lanes + lane) as usize) {
                            time.store(now(), Ordering::Relaxed);
                        }
                    });
                    if outcome.is_err() {
                        // Nobody is to wait for what will not come.
                        *connection.answered.lock().expect("no thread panics") = u64::MAX;
                        connection.changed.notify_all();
                    }
                    outcome
                })
            })
            .collect();
        if rate == 0 {
            for (lane, connection) in (0..lanes).zip(&open) {
                let call = &call;
                scope.spawn(move || {
                    let mut buffer = Vec::new();
                    for number in 0..calls / lanes {
                        connection.wait(number, STREAMS);
                        call(number * lanes + lane, &mut buffer);
                        if connection.write(&buffer).is_err() {
                            break;
                        }
                    }
                });
            }
        } else {
            let mut buffer = Vec::new();
            for number in 0..calls {
                let due = Duration::from_nanos(due(number as usize));
                call(number, &mut buffer);
                // Linux wakes a sleeper some 60 us late, and what fell due meanwhile is sent at
                // once. To wait awake instead takes a whole core of the two that the server is to
                // have its share of.
                if let Some(early) =
                    due.checked_sub(started.elapsed()).filter(|early| !early.is_zero())
                {
                    thread::sleep(early);
                }
                sent[number as usize].store(now(), Ordering::Relaxed);
                open[(number % lanes) as usize].write(&buffer)?;
            }
        }
        readers.into_iter().try_for_each(|reader| reader.join().expect("a reader does not panic"))
    })?;
    let seconds = started.elapsed().as_secs_f64();
    let processor = (processor_seconds() - processor_before) / seconds;
    let mut times = String::new();
    if kept > 0 {
        let [sent, ended] = [sent, ended]
            .map(|times| times.into_iter().map(AtomicU64::into_inner).collect::<Vec<u64>>());
        let from_due =
            ended.iter().enumerate().map(|(number, end)| end.saturating_sub(due(number))).collect();
        let from_sent =
            ended.iter().zip(&sent).map(|(end, sent)| end.saturating_sub(*sent)).collect();
        let late = sent
            .iter()
            .enumerate()
            .map(|(number, sent)| sent.saturating_sub(due(number)))
            .collect();
        times = format!(
            ", \"from_due\": {}, \"from_sent\": {}, \"sent_late\": {}",
            percentiles(from_due),
            percentiles(from_sent),
            percentiles(late)
        );
    }
    println!(
        "{{\"calls\": {calls}, \"calls_per_second\": {:.0}, \"generator_cores\": {processor:.2}{times}}}",
        calls as f64 / seconds
    );
    Ok(())
}
