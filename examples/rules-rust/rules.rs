//! Two detection rules for the vault persona. A rule is a function of one event and
//! of the windows that describe.json declares.

mod killdeer;

use killdeer::{error, member, quote, string};

/// How many different secrets make a sweep; describe.json spares the host to ask
/// about fewer.
const SWEEP: u32 = 3;

killdeer::serve!(answer);

fn answer(input: &str) -> String {
    match string(member(input, "op")).as_str() {
        "describe" => include_str!("describe.json").to_string(),
        "evaluate" => evaluate(member(input, "event"), member(input, "windows")),
        _ => error("internal", "unsupported request"),
    }
}

fn evaluate(event: &str, windows: &str) -> String {
    let hits: Vec<String> = match string(member(event, "tool")).as_str() {
        "request_access" => thin_reason(event),
        "read_secret" => sweep(member(windows, "reads_5m")),
        _ => None,
    }
    .into_iter()
    .collect();
    format!(r#"{{"hits":[{}]}}"#, hits.join(","))
}

fn thin_reason(event: &str) -> Option<String> {
    let args = member(event, "args");
    let reason = string(member(args, "reason"));
    let mut words: Vec<String> = reason.split_whitespace().map(str::to_lowercase).collect();
    words.sort();
    words.dedup();
    if words.len() >= 3 {
        return None;
    }
    let (subject, snippet) = (quote(&string(member(args, "path"))), quote(&reason.chars().take(60).collect::<String>()));
    Some(format!(
        r#"{{"rule":"VAULT_THIN_REASON","reason":"access asked for with {} different words","subject":{subject},"evidence":{{"path":"args.reason","snippet":{snippet}}}}}"#,
        words.len()
    ))
}

fn sweep(reads: &str) -> Option<String> {
    let n: u32 = member(reads, "n").parse().unwrap_or(0);
    if n < SWEEP {
        return None;
    }
    Some(format!(r#"{{"rule":"VAULT_SWEEP","reason":"{n} different secrets within five minutes","count":{n}}}"#))
}
