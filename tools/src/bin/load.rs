//! Calls Classify evenly in time, whether or not earlier calls have been answered, and says how
//! long answers took: see `benches/serving.sh`.
//!
//!     cargo run --release -p slugline-tools --bin load -- ADDRESS BODIES CALLS RATE CONNECTIONS
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
    let (rate, connections): (u64, u64) = (rate.parse()?, connections.parse()?);
    ensure!(connections > 0, "at least one connection is required");
    let calls = calls.parse::<u64>()?.max(connections) / connections * connections;
    let bodies = fs::read(bodies).with_context(|| format!("cannot read {bodies}"))?;
    let plan = Plan {
        requests: requests(&bodies)?,
        headers: request_headers(address),
        calls,
        rate,
        connections,
    };
    let opened = (0..connections).map(|_| Connection::open(address));
    let (open, streams) = opened.collect::<anyhow::Result<(Vec<_>, Vec<_>)>>()?;
    let times = Times::of(&plan);
    let processor_before = processor_seconds();
    let clock = Instant::now();
    run(&plan, &open, streams, &times, clock)?;
    let seconds = clock.elapsed().as_secs_f64();
    let processor = (processor_seconds() - processor_before) / seconds;
    println!(
        "{{\"calls\": {calls}, \"calls_per_second\": {:.0}, \
         \"generator_cores\": {processor:.2}{}}}",
        calls as f64 / seconds,
        times.in_json(&plan)
    );
    Ok(())
}

/// What to send.
struct Plan<'a> {
    requests: Vec<&'a [u8]>,
    headers: Vec<u8>,
    calls: u64,
    /// Calls per second; 0 for as many as there can be.
    rate: u64,
    connections: u64,
}

impl Plan<'_> {
    /// Writes the frames of a call into `buffer`.
    fn call(&self, number: u64, buffer: &mut Vec<u8>) {
        let stream = (number / self.connections * 2 + 1) as u32;
        buffer.clear();
        frame(buffer, HEADERS, END_HEADERS, stream, &self.headers);
        let request = self.requests[number as usize % self.requests.len()];
        let mut pieces = request.chunks(LARGEST_FRAME).peekable();
        while let Some(piece) = pieces.next() {
            let flags = if pieces.peek().is_none() { END_STREAM } else { 0 };
            frame(buffer, DATA, flags, stream, piece);
        }
    }

    /// When a call is due, in nanoseconds from the start.
    fn due(&self, number: usize) -> u64 {
        (number as u64 * 1_000_000_000).checked_div(self.rate).unwrap_or(0)
    }
}

/// When calls were sent and answered, in nanoseconds from the start. Calls that are not paced may
/// be millions: their times are not recorded.
struct Times {
    sent: Vec<AtomicU64>,
    ended: Vec<AtomicU64>,
}

impl Times {
    fn of(plan: &Plan<'_>) -> Self {
        let count = if plan.rate == 0 { 0 } else { plan.calls };
        let zeros = || (0..count).map(|_| AtomicU64::new(0)).collect();
        Self { sent: zeros(), ended: zeros() }
    }

    fn in_json(&self, plan: &Plan<'_>) -> String {
        if self.sent.is_empty() {
            return String::new();
        }
        let calls = || {
            let read = |time: &AtomicU64| time.load(Ordering::Relaxed);
            let times = self.sent.iter().map(read).zip(self.ended.iter().map(read));
            times.enumerate().map(|(number, (sent, ended))| (plan.due(number), sent, ended))
        };
        format!(
            ", \"from_due\": {}, \"from_sent\": {}, \"sent_late\": {}",
            percentiles(calls().map(|(due, _, ended)| ended.saturating_sub(due)).collect()),
            percentiles(calls().map(|(_, sent, ended)| ended.saturating_sub(sent)).collect()),
            percentiles(calls().map(|(due, sent, _)| sent.saturating_sub(due)).collect())
        )
    }
}

/// Makes all calls, and waits for their answers.
fn run(
    plan: &Plan<'_>,
    open: &[Connection],
    streams: Vec<TcpStream>,
    times: &Times,
    clock: Instant,
) -> anyhow::Result<()> {
    let per_connection = plan.calls / plan.connections;
    thread::scope(|scope| {
        let readers: Vec<_> = (0..plan.connections)
            .zip(open)
            .zip(streams)
            .map(|((place, connection), stream)| {
                scope.spawn(move || {
                    let outcome = connection.read(stream, per_connection, |number| {
                        let call = (number * plan.connections + place) as usize;
                        if let Some(time) = times.ended.get(call) {
                            time.store(clock.elapsed().as_nanos() as u64, Ordering::Relaxed);
                        }
                    });
                    if outcome.is_err() {
                        // No writer may wait for answers that will not come.
                        *connection.answered.lock().expect("no thread panics") = u64::MAX;
                        connection.changed.notify_all();
                    }
                    outcome
                })
            })
            .collect();
        if plan.rate == 0 {
            for (place, connection) in (0..plan.connections).zip(open) {
                scope.spawn(move || send_unpaced(plan, connection, place));
            }
        } else {
            send_paced(plan, open, times, clock)?;
        }
        readers.into_iter().try_for_each(|reader| reader.join().expect("a reader does not panic"))
    })
}

/// Sends the calls of one connection, a few of them open at a time.
fn send_unpaced(plan: &Plan<'_>, connection: &Connection, place: u64) {
    let mut buffer = Vec::new();
    for number in 0..plan.calls / plan.connections {
        connection.wait(number, STREAMS);
        plan.call(number * plan.connections + place, &mut buffer);
        if connection.write(&buffer).is_err() {
            break;
        }
    }
}

/// Sends each call when it is due.
fn send_paced(
    plan: &Plan<'_>,
    open: &[Connection],
    times: &Times,
    clock: Instant,
) -> anyhow::Result<()> {
    let mut buffer = Vec::new();
    for number in 0..plan.calls {
        let due = Duration::from_nanos(plan.due(number as usize));
        plan.call(number, &mut buffer);
        // Linux wakes a sleeper some 60 us late, and sends what fell due meanwhile at once. To wait
        // awake instead would take a whole core away from the server.
        if let Some(early) = due.checked_sub(clock.elapsed()).filter(|early| !early.is_zero()) {
            thread::sleep(early);
        }
        let now = clock.elapsed().as_nanos() as u64;
        times.sent[number as usize].store(now, Ordering::Relaxed);
        open[(number % plan.connections) as usize].write(&buffer)?;
    }
    Ok(())
}
