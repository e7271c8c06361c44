//! Deadlines with a virtual clock: every rule of `src/deadlines.rs`, then all rules at once compared with a naive model, then
//! real connections.

use barews::connection::{Event, State, Transport};
use barews::deadlines::{Backoff, Deadlines, Reason, Reconnect, Ticks, Timeout, Timeouts};
use barews::{Client, Connection, Server};
use barews_testkit::{Host, Keys, raw};
use proptest::prelude::*;

/// Five different timeouts, so that no test can confuse two of them.
const TIMEOUTS: Timeouts = Timeouts {
    handshake: Some(1000),
    idle: Some(500),
    ping: Some(100),
    pong: Some(30),
    closing: Some(70),
    ..Timeouts::NEVER
};
const KEEPALIVE: Timeouts = Timeouts { idle: None, ..TIMEOUTS };

fn opened(timeouts: Timeouts, now: u64) -> Deadlines {
    let mut deadlines = Deadlines::new(timeouts, now);
    deadlines.on_open(now);
    deadlines
}

/// Returns every timeout that has expired at `now`.
fn due(deadlines: &mut Deadlines, now: u64) -> Vec<Timeout> {
    core::iter::from_fn(|| deadlines.handle_timeout(now)).collect()
}

/// Returns what is due next, and when.
fn next(deadlines: &Deadlines) -> Option<(Reason, u64)> {
    deadlines.reason().zip(deadlines.poll_timeout())
}

#[test]
fn handshake_timeout_is_not_extended_by_bytes() {
    let mut deadlines = Deadlines::new(TIMEOUTS, 50);
    for now in 50..1050 {
        deadlines.on_bytes(now); // slowloris: a byte a tick
        deadlines.on_message(now);
        assert_eq!(next(&deadlines), Some((Reason::Handshake, 1050)));
        assert_eq!(deadlines.handle_timeout(now), None);
    }
    assert_eq!(due(&mut deadlines, 1050), [Timeout::Handshake]);
    assert_eq!(next(&deadlines), None);
}

#[test]
fn opened_ends_the_handshake_timeout_and_starts_the_others() {
    let mut deadlines = Deadlines::new(TIMEOUTS, 0);
    deadlines.on_open(900);
    assert_eq!(next(&deadlines), Some((Reason::Ping, 1000)));
    let mut deadlines = Deadlines::new(Timeouts { ping: None, ..TIMEOUTS }, 0);
    deadlines.on_open(900);
    assert_eq!(next(&deadlines), Some((Reason::Idle, 1400)));
}

#[test]
fn idle_timeout_is_extended_by_messages_only() {
    let mut deadlines = opened(Timeouts { ping: None, ..TIMEOUTS }, 0);
    deadlines.on_bytes(100);
    assert_eq!(next(&deadlines), Some((Reason::Idle, 500)));
    deadlines.on_message(100);
    assert_eq!(next(&deadlines), Some((Reason::Idle, 600)));
    assert_eq!(deadlines.handle_timeout(599), None);
    assert_eq!(due(&mut deadlines, 600), [Timeout::Idle]);
    deadlines.on_message(601);
    assert_eq!(next(&deadlines), None, "it is reported once");
}

#[test]
fn ping_is_due_after_silence_with_a_new_payload() {
    let mut deadlines = opened(KEEPALIVE, 0);
    deadlines.on_bytes(60);
    assert_eq!(next(&deadlines), Some((Reason::Ping, 160)), "received bytes extend it");
    deadlines.on_message(100);
    assert_eq!(next(&deadlines), Some((Reason::Ping, 160)), "messages do not");
    assert_eq!(deadlines.handle_timeout(159), None);
    assert_eq!(due(&mut deadlines, 160), [Timeout::Ping([0, 0, 0, 1])]);
    assert_eq!(next(&deadlines), Some((Reason::Pong, 190)));
    assert_eq!(deadlines.on_pong(&[0, 0, 0, 1], 165), Some(5));
    assert_eq!(next(&deadlines), Some((Reason::Ping, 265)));
    assert_eq!(due(&mut deadlines, 265), [Timeout::Ping([0, 0, 0, 2])]);
}

#[test]
fn pong_timeout_expires_without_an_answer() {
    let mut deadlines = opened(KEEPALIVE, 0);
    assert_eq!(due(&mut deadlines, 100), [Timeout::Ping([0, 0, 0, 1])]);
    assert_eq!(deadlines.handle_timeout(129), None);
    assert_eq!(due(&mut deadlines, 130), [Timeout::Pong]);
    assert_eq!(next(&deadlines), None);
}

#[test]
fn any_bytes_end_the_wait_for_a_pong() {
    let mut deadlines = opened(KEEPALIVE, 0);
    due(&mut deadlines, 100);
    for now in (110..200).step_by(20) {
        deadlines.on_bytes(now);
        assert_eq!(next(&deadlines), Some((Reason::Ping, now + 100)));
    }
    assert_eq!(deadlines.on_pong(&[0, 0, 0, 1], 250), Some(150), "the Pong still gives the round trip");
    assert_eq!(next(&deadlines), Some((Reason::Ping, 350)));
}

/// uWSGI answers every Ping with an empty Pong.
#[test]
fn peer_lives_whose_pongs_have_another_payload() {
    let mut deadlines = opened(KEEPALIVE, 0);
    for round in 1..100 {
        let now = deadlines.poll_timeout().unwrap();
        assert_eq!(due(&mut deadlines, now), [Timeout::Ping(u32::to_be_bytes(round))]);
        assert_eq!(deadlines.on_pong(b"", now + 1), None);
        assert_eq!(next(&deadlines), Some((Reason::Ping, now + 101)));
    }
}

/// A host that forgets `on_bytes` still has a peer that answers.
#[test]
fn pong_is_a_sign_of_life_by_itself() {
    let mut deadlines = opened(KEEPALIVE, 0);
    assert_eq!(deadlines.on_pong(b"unasked", 60), None);
    assert_eq!(next(&deadlines), Some((Reason::Ping, 160)));
}

#[test]
fn new_timeouts_apply_from_now() {
    let slow = Timeouts { idle: Some(5000), ping: Some(300), pong: Some(80), ..TIMEOUTS };
    let mut opening = Deadlines::new(TIMEOUTS, 0);
    opening.set_timeouts(Timeouts { handshake: Some(530), ..TIMEOUTS }, 500);
    assert_eq!(next(&opening), Some((Reason::Handshake, 530)), "it counts from its start");
    opening.set_timeouts(Timeouts { handshake: None, ..TIMEOUTS }, 510);
    opening.set_timeouts(Timeouts { handshake: Some(7), ..TIMEOUTS }, 520);
    assert_eq!(next(&opening), Some((Reason::Handshake, 527)));

    let mut deadlines = opened(TIMEOUTS, 0);
    deadlines.set_timeouts(slow, 50);
    assert_eq!(next(&deadlines), Some((Reason::Ping, 350)));
    assert_eq!(due(&mut deadlines, 350), [Timeout::Ping([0, 0, 0, 1])]);
    deadlines.set_timeouts(TIMEOUTS, 400);
    assert_eq!(next(&deadlines), Some((Reason::Pong, 430)), "the Ping still waits for its answer");
    assert_eq!(deadlines.on_pong(&[0, 0, 0, 1], 410), Some(60));

    deadlines.set_timeouts(Timeouts { ping: None, idle: None, ..TIMEOUTS }, 420);
    assert_eq!(next(&deadlines), None);
    deadlines.on_bytes(430);
    deadlines.set_timeouts(TIMEOUTS, 440);
    assert_eq!(next(&deadlines), Some((Reason::Ping, 540)), "a timeout that was off can be set");

    deadlines.on_state(State::Closing, 500);
    deadlines.set_timeouts(Timeouts { closing: Some(19), ..TIMEOUTS }, 510);
    assert_eq!(due(&mut deadlines, 519), [Timeout::Closing]);
    deadlines.set_timeouts(TIMEOUTS, 520);
    assert_eq!(next(&deadlines), None, "what has passed stays so");
}

#[test]
fn without_a_pong_timeout_the_wait_ends_when_timeouts_change() {
    let mut deadlines = opened(KEEPALIVE, 0);
    due(&mut deadlines, 100);
    deadlines.set_timeouts(Timeouts { pong: None, ..KEEPALIVE }, 110);
    assert_eq!(next(&deadlines), Some((Reason::Ping, 210)));
}

#[test]
fn ping_timeout_of_0_does_not_return_pings_without_end() {
    let mut deadlines = opened(Timeouts { ping: Some(0), pong: None, ..Timeouts::NEVER }, 0);
    assert_eq!(due(&mut deadlines, 7).len(), 1);
    assert_eq!(next(&deadlines), Some((Reason::Ping, 8)));
    let mut deadlines = opened(Timeouts { pong: Some(0), ..KEEPALIVE }, 0);
    assert_eq!(due(&mut deadlines, 100), [Timeout::Ping([0, 0, 0, 1])]);
    assert_eq!(next(&deadlines), Some((Reason::Pong, 101)));
}

/// The counter wraps between the last bytes and the Ping.
#[test]
fn keepalive_finds_a_dead_peer_across_the_wrap_of_a_32_bit_counter() {
    let mut counter = u32::MAX - 30;
    let mut ticks = Ticks::new(counter);
    let mut deadlines = opened(KEEPALIVE, ticks.extend(counter));
    let mut expired = Vec::new();
    for _ in 0..140 {
        counter = counter.wrapping_add(1);
        expired.extend(due(&mut deadlines, ticks.extend(counter)).into_iter().map(|timeout| (timeout, counter)));
    }
    assert_eq!(expired, [(Timeout::Ping([0, 0, 0, 1]), 69), (Timeout::Pong, 99)]);
}

#[test]
fn ticks_never_run_backwards() {
    for start in [0, 5, u32::MAX, 1 << 31] {
        let mut ticks = Ticks::new(start);
        let mut last = ticks.extend(start);
        assert_eq!(last, start.into());
        for step in [1, 0, u32::MAX, 1 << 31, (1 << 31) - 1, u32::MAX - 7, 12, (1 << 31) + 1] {
            let now = ticks.extend((last as u32).wrapping_add(step));
            assert_eq!(now, if step < 1 << 31 { last + u64::from(step) } else { last });
            last = now;
        }
    }
}

/// A decision, not an accident: nothing is due early, and the next bytes set the deadline again.
#[test]
fn clock_that_is_set_back_delays_the_ping() {
    let mut deadlines = opened(KEEPALIVE, 200_000);
    assert_eq!((due(&mut deadlines, 80_000), next(&deadlines)), (vec![], Some((Reason::Ping, 200_100))));
    deadlines.on_bytes(80_001);
    assert_eq!(next(&deadlines), Some((Reason::Ping, 80_101)));
}

#[test]
fn reconnect_doubles_the_delay_up_to_the_longest() {
    let backoff = Backoff { first: 100, max: 1000, success: 500, ..Backoff::MILLISECONDS };
    let mut reconnect = Reconnect::new(backoff);
    let delays = |random| {
        let mut reconnect = Reconnect::new(backoff);
        Vec::from_iter((0..40).map(|_| reconnect.on_end(7, random, None) - 7))
    };
    assert_eq!(delays(0), [0; 40]);
    let longest = delays(u32::MAX);
    assert_eq!((&longest[..6], longest[39]), (&[100, 200, 400, 800, 1000, 1000][..], 1000));

    for _ in 0..3 {
        let _due = reconnect.on_end(0, 0, None);
    }
    reconnect.on_open(1000);
    assert_eq!(reconnect.on_end(1499, u32::MAX, None), 1499 + 800, "too short to be a success");
    assert_eq!(reconnect.failures(), 4);
    reconnect.on_open(3000);
    assert_eq!(reconnect.on_end(3500, u32::MAX, None), 3500 + 100);
    assert_eq!((reconnect.failures(), reconnect.on_end(3500, u32::MAX, None)), (1, 3700), "a success counts once");
    assert_eq!(reconnect.on_end(3500, 0, Some(2000)), 5500);
    let extremes = Backoff { first: u32::MAX, max: u32::MAX, ..backoff };
    let mut reconnect = Reconnect::new(extremes);
    for _ in 0..300 {
        assert_eq!(reconnect.on_end(5, u32::MAX, None), 5 + u64::from(u32::MAX));
    }
    assert_eq!(reconnect.on_end(u64::MAX - 1, u32::MAX, Some(u64::MAX)), u64::MAX);
    let mut reconnect = Reconnect::new(Backoff::MILLISECONDS);
    assert_eq!(reconnect.on_end(0, 0, Some(u64::MAX)), 3_600_000, "a server cannot stop its clients for good");
}

#[test]
fn round_trip_is_reported_once_for_the_newest_ping() {
    let mut deadlines = opened(Timeouts { pong: None, ..KEEPALIVE }, 0);
    assert_eq!(deadlines.on_pong(&[0, 0, 0, 0], 0), None, "no Ping was sent");
    assert_eq!(due(&mut deadlines, 100), [Timeout::Ping([0, 0, 0, 1])]);
    assert_eq!(
        due(&mut deadlines, 200),
        [Timeout::Ping([0, 0, 0, 2])],
        "without a Pong timeout, the next Ping is due after the Ping timeout"
    );
    assert_eq!(deadlines.on_pong(&[0, 0, 0, 1], 210), None);
    for other in [&[][..], &[2], &[0, 0, 2], &[0, 0, 0, 2, 0], &[0, 0, 0, 3], b"unasked"] {
        assert_eq!(deadlines.on_pong(other, 220), None, "{other:?}");
    }
    assert_eq!(deadlines.on_pong(&[0, 0, 0, 2], 230), Some(30));
    assert_eq!(deadlines.on_pong(&[0, 0, 0, 2], 240), None);
}

/// A Ping is reported even if the host wakes late, or if another deadline expires at the same time.
#[test]
fn deadlines_that_pass_together_are_all_reported() {
    let mut deadlines = opened(Timeouts { idle: Some(100), ..TIMEOUTS }, 0);
    let expired = due(&mut deadlines, 100);
    assert!(
        expired.contains(&Timeout::Idle) && expired.contains(&Timeout::Ping([0, 0, 0, 1])) && expired.len() == 2,
        "{expired:?}"
    );
    let mut deadlines = opened(Timeouts { idle: None, ..TIMEOUTS }, 0);
    assert_eq!(due(&mut deadlines, 5000), [Timeout::Ping([0, 0, 0, 1])]);
    assert_eq!(next(&deadlines), Some((Reason::Pong, 5030)), "the Pong timeout starts when the Ping is sent");
}

/// [6455-5.5.1-13] [6455-7.1.1-4]
#[test]
fn closing_timeout_is_never_extended() {
    for first in [State::Closing, State::Closed] {
        let mut deadlines = opened(TIMEOUTS, 0);
        due(&mut deadlines, 100); // a Pong is expected
        deadlines.on_state(State::Open, 110);
        assert_eq!(next(&deadlines), Some((Reason::Pong, 130)), "an open connection changes nothing");
        deadlines.on_state(first, 120);
        for now in 120..190 {
            assert_eq!(next(&deadlines), Some((Reason::Closing, 190)), "no other deadline remains");
            deadlines.on_bytes(now);
            deadlines.on_message(now);
            deadlines.on_pong(&[0, 0, 0, 1], now);
            deadlines.on_state(State::Closing, now);
            assert_eq!(deadlines.handle_timeout(now), None);
        }
        assert_eq!(due(&mut deadlines, 190), [Timeout::Closing]);
    }
}

/// The closing timeout is set once: a host that reports the state after each step does not get `Timeout::Closing` again.
#[test]
fn closing_timeout_is_reported_once() {
    let mut deadlines = opened(TIMEOUTS, 0);
    deadlines.on_state(State::Closing, 100);
    assert_eq!(due(&mut deadlines, 170), [Timeout::Closing]);
    deadlines.on_state(State::Closing, 171);
    assert_eq!(next(&deadlines), None);
}

#[test]
fn closing_timeout_starts_without_opened() {
    let mut deadlines = Deadlines::new(TIMEOUTS, 0);
    deadlines.on_state(State::Closed, 10);
    assert_eq!(next(&deadlines), Some((Reason::Closing, 80)));
}

#[test]
fn never_disables_every_deadline() {
    let mut deadlines = opened(Timeouts::NEVER, 0);
    deadlines.on_bytes(1);
    deadlines.on_message(2);
    deadlines.on_state(State::Closing, 3);
    assert_eq!((next(&deadlines), deadlines.handle_timeout(u64::MAX)), (None, None));
}

#[test]
fn deadlines_at_or_after_u64_max_are_disabled() {
    let long = Timeouts { ping: Some(u64::MAX - 6), ..Timeouts::NEVER };
    let mut deadlines = opened(long, 5);
    assert_eq!(next(&deadlines), Some((Reason::Ping, u64::MAX - 1)));
    assert_eq!(due(&mut deadlines, u64::MAX - 2), []);
    assert_eq!(deadlines.handle_timeout(u64::MAX - 1), Some(Timeout::Ping([0, 0, 0, 1])));
    for now in [6, 7, u64::MAX] {
        assert_eq!(next(&opened(long, now)), None);
    }
}

#[test]
fn default_timeouts_match_the_documentation() {
    let expected = [
        ("handshake", Some(10_000)),
        ("idle", None),
        ("ping", Some(20_000)),
        ("pong", Some(20_000)),
        ("closing", Some(5_000)),
    ];
    let Timeouts { handshake, idle, ping, pong, closing, .. } = Timeouts::MILLISECONDS;
    let names = ["handshake", "idle", "ping", "pong", "closing"];
    assert_eq!(Vec::from_iter(names.into_iter().zip([handshake, idle, ping, pong, closing])), expected);
}

/// An event of a connection.
#[derive(Clone, Debug)]
enum Step {
    Opened,
    Received,
    Written,
    Message,
    /// The Pong for the Ping this many before the newest.
    Pong(u32),
    Closing,
    Wake,
    /// The timeouts change to these.
    Set(Timeouts),
}

/// A naive model: a list of the deadlines that are set, each with its name and its time.
#[derive(Default)]
struct Model {
    due: Vec<(&'static str, u64)>,
    pings: u32,
    asked: Option<u64>,
    open: bool,
    closing: bool,
}

impl Model {
    fn put(&mut self, name: &'static str, span: Option<u64>, now: u64) {
        self.due.retain(|(other, _)| *other != name);
        self.due.extend(span.map(|span| (name, now + span)));
    }

    fn has(&self, name: &str) -> bool {
        self.due.iter().any(|(other, _)| *other == name)
    }

    fn step(&mut self, step: &Step, t: &Timeouts, now: u64) {
        match step {
            Step::Opened => {
                self.open = true;
                self.put("handshake", None, now);
                self.put("idle", t.idle, now);
                self.put("ping", t.ping, now);
            }
            Step::Received => self.alive(t, now),
            Step::Written if self.has("pong") => self.put("pong", t.pong, now),
            Step::Written if self.has("ping") => self.put("ping", t.ping, now),
            Step::Message if self.has("idle") => self.put("idle", t.idle, now),
            Step::Closing if !self.closing => {
                self.closing = true;
                self.due.clear();
                self.put("closing", t.closing, now);
            }
            Step::Pong(before) => {
                self.alive(t, now);
                if *before == 0 {
                    self.asked = None;
                }
            }
            Step::Set(before) if self.closing => self.keep("closing", before.closing, t.closing, now),
            Step::Set(before) if !self.open => self.keep("handshake", before.handshake, t.handshake, now),
            Step::Set(_) => {
                self.put("idle", t.idle, now);
                let waits = self.has("pong") && t.pong.is_some();
                self.put("pong", t.pong.filter(|_| waits), now);
                self.put("ping", t.ping.filter(|_| !waits), now);
            }
            _ => {}
        }
    }

    /// Changes a timeout that counts from its start, if it has one.
    fn keep(&mut self, name: &'static str, before: Option<u64>, span: Option<u64>, now: u64) {
        let due = self.due.iter().find(|(other, _)| *other == name).map(|(_, due)| *due);
        self.put(name, span, due.zip(before).map_or(now, |(due, before)| due - before));
    }

    fn alive(&mut self, t: &Timeouts, now: u64) {
        if self.has("pong") || self.has("ping") {
            self.put("pong", None, now);
            self.put("ping", t.ping, now);
        }
    }

    /// Returns the deadlines that have expired at `now`, sorted by name. After a Ping, sets the deadline of its Pong.
    fn expired(&mut self, t: &Timeouts, now: u64) -> Vec<&'static str> {
        let mut expired: Vec<_> = self.due.extract_if(.., |(_, due)| *due <= now).map(|(name, _)| name).collect();
        if expired.contains(&"ping") {
            self.pings += 1;
            self.asked = Some(now);
            let (name, span) = if t.pong.is_some() { ("pong", t.pong) } else { ("ping", t.ping) };
            self.put(name, span, now);
        }
        expired.sort_unstable();
        expired
    }
}

fn name(timeout: Timeout) -> &'static str {
    match timeout {
        Timeout::Handshake => "handshake",
        Timeout::Idle => "idle",
        Timeout::Ping(_) => "ping",
        Timeout::Pong => "pong",
        Timeout::Closing => "closing",
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    /// For every order of events, `poll_timeout` is the earliest deadline, and each expired deadline is reported once.
    #[test]
    fn deadlines_agree_with_a_naive_model(
        mut timeouts in timeouts(), steps in proptest::collection::vec((0..60u64, step()), 0..40),
    ) {
        let mut deadlines = Deadlines::new(timeouts, 0);
        let mut model = Model::default();
        model.put("handshake", timeouts.handshake, 0);
        let (mut now, mut is_open, mut closing_expired) = (0, false, false);
        for (later, mut step) in steps {
            now += later;
            // A host handles expired deadlines before anything else, opens once, and ends with the closing timeout.
            let expired: Vec<_> = due(&mut deadlines, now);
            for timeout in &expired {
                if let Timeout::Ping(payload) = timeout {
                    prop_assert_eq!(u32::from_be_bytes(*payload), model.pings + 1);
                }
            }
            let mut names: Vec<_> = expired.into_iter().map(name).collect();
            names.sort_unstable();
            closing_expired |= names.contains(&"closing");
            prop_assert_eq!(names, model.expired(&timeouts, now), "at {}", now);
            if closing_expired {
                break;
            }
            if matches!(step, Step::Opened) && (is_open || model.closing) {
                continue;
            }
            is_open |= matches!(step, Step::Opened);
            let expected_rtt = match step {
                Step::Pong(0) => model.asked.map(|asked| now - asked),
                _ => None,
            };
            match step {
                Step::Opened => deadlines.on_open(now),
                Step::Received => deadlines.on_bytes(now),
                Step::Written => deadlines.on_written(now),
                Step::Message => deadlines.on_message(now),
                Step::Closing => deadlines.on_state(State::Closing, now),
                Step::Pong(before) => {
                    let payload = model.pings.wrapping_sub(before).to_be_bytes();
                    prop_assert_eq!(deadlines.on_pong(&payload, now), expected_rtt);
                }
                Step::Wake => deadlines.on_state(State::Open, now),
                Step::Set(ref mut new) => {
                    deadlines.set_timeouts(*new, now);
                    std::mem::swap(new, &mut timeouts); // the model also needs the old ones
                }
            }
            model.step(&step, &timeouts, now);
            prop_assert_eq!(deadlines.poll_timeout(), model.due.iter().map(|(_, due)| *due).min());
            prop_assert_eq!(deadlines.reason().is_some(), deadlines.poll_timeout().is_some());
        }
    }
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        2 => Just(Step::Opened),
        4 => Just(Step::Received),
        2 => Just(Step::Written),
        2 => Just(Step::Message),
        4 => (0..3u32).prop_map(Step::Pong),
        1 => Just(Step::Closing),
        6 => Just(Step::Wake),
        1 => timeouts().prop_map(Step::Set),
    ]
}

fn timeouts() -> impl Strategy<Value = Timeouts> {
    proptest::collection::vec(proptest::option::of(1..200u64), 5).prop_map(|spans| {
        let [handshake, idle, ping, pong, closing] = spans[..] else { unreachable!() };
        Timeouts { handshake, idle, ping, pong, closing, ..Timeouts::NEVER }
    })
}

/// The host sends the Ping that is due, its Pong returns through the connection, and the round trip is measured.
#[test]
fn keepalive_measures_the_round_trip_of_a_connection() {
    let mut deadlines = opened(KEEPALIVE, 0);
    let mut server = Connection::new(Server, &Default::default());
    let mut client = Host::<Client<Keys>>::new(&Default::default());
    for round in 0..3 {
        let now = deadlines.poll_timeout().unwrap();
        let Some(Timeout::Ping(payload)) = deadlines.handle_timeout(now) else { panic!("round {round}") };
        let mut out = [0; 64];
        let len = server.write_ping(&payload, &mut out).unwrap().len();
        client.feed(&out[..len]);
        let mut answer = core::mem::take(&mut client.output);
        deadlines.on_bytes(now + 7);
        assert_eq!(server.receive(&mut answer).unwrap().event, Some(Event::Pong));
        assert_eq!(deadlines.on_pong(server.control_payload(), now + 7), Some(7));
        deadlines.on_state(server.state(), now + 7);
        assert_eq!(next(&deadlines), Some((Reason::Ping, now + 107)));
    }
}

/// The closing timeout ends a connection whose peer never answers our Close, or never closes the transport. [6455-5.5.1-13]
/// [6455-7.1.1-4]
#[test]
fn closing_timeout_ends_a_connection_that_the_peer_does_not_close() {
    let mut deadlines = opened(KEEPALIVE, 0);
    let mut client = Host::<Client<Keys>>::new(&Default::default());
    client.write_close(1000, "").unwrap();
    deadlines.on_state(client.connection.state(), 10);
    assert_eq!((client.connection.transport(), next(&deadlines)), (Transport::Keep, Some((Reason::Closing, 80))));
    client.feed(&raw::frame(0x88, None, b""));
    deadlines.on_state(client.connection.state(), 50);
    assert_eq!((client.connection.transport(), next(&deadlines)), (Transport::AwaitEof, Some((Reason::Closing, 80))));
    assert_eq!(due(&mut deadlines, 80), [Timeout::Closing]);
}
