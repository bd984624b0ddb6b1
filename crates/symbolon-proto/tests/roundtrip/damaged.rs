//! Damaged bytes, and messages that the domain cannot hold.

use proptest::collection::vec;
use proptest::prelude::*;
use prost::Message as _;
use symbolon_core::{Command, LogIndex};
use symbolon_proto::peer::v1 as peer;
use symbolon_proto::store::v1 as store;
use symbolon_proto::{
    DecodeError, FORMAT_LEVEL, answer_from_proto, audit_decode, audit_encode, batch_decode,
    batch_encode, proposal_decode, proposal_encode, row_decode, row_encode, scalars_from_proto,
    scalars_to_proto,
};

use crate::samples;

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 1024,
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    /// Garbage may happen to be a message, but then it is one: it is written and read the same.
    #[test]
    fn garbage_does_no_harm(bytes in vec(any::<u8>(), 0..300)) {
        read_everything(&bytes)?;
    }

    #[test]
    fn a_flipped_bit_does_no_harm(which in any::<prop::sample::Index>(), bit in any::<prop::sample::Index>()) {
        let mut messages = proposals();
        messages.extend(rows());
        messages.push(audit());
        messages.push(batch());
        let mut bytes = which.get(&messages).clone();
        let bit = bit.index(bytes.len() * 8);
        bytes[bit / 8] ^= 1 << (bit % 8);
        read_everything(&bytes)?;
    }
}

/// Reads bytes as each kind of message.
fn read_everything(bytes: &[u8]) -> Result<(), TestCaseError> {
    if let Ok(proposal) = proposal_decode(bytes) {
        let again = proposal_encode(&proposal);
        prop_assert_eq!(proposal_decode(&again).unwrap(), proposal);
    }
    if let Ok((at, proposals)) = batch_decode(bytes) {
        let again = batch_encode(at, &proposals);
        prop_assert_eq!(batch_decode(&again).unwrap(), (at, proposals));
    }
    if let Ok(row) = row_decode(bytes) {
        prop_assert_eq!(row_decode(&row_encode(&row)).unwrap(), row);
    }
    if let Ok(events) = audit_decode(LogIndex(1), bytes)
        && let Some(at) = events.first().map(|event| event.at)
    {
        let again = audit_decode(LogIndex(1), &audit_encode(None, at, &events));
        prop_assert_eq!(again.unwrap(), events);
    }
    if let Ok(message) = peer::Answer::decode(bytes) {
        let _ = answer_from_proto(message);
    }
    Ok(())
}

fn proposals() -> Vec<Vec<u8>> {
    let commands = samples::commands().into_iter().chain(samples::key_commands());
    commands.map(|(_, command)| proposal_encode(&samples::proposal(command))).collect()
}

fn rows() -> Vec<Vec<u8>> {
    let rows = samples::rows();
    rows.iter().map(|(_, row)| row_encode(row)).collect()
}

fn audit() -> Vec<u8> {
    let (_, at, events) = samples::audit();
    audit_encode(None, at, &events)
}

fn batch() -> Vec<u8> {
    let (_, at, _) = samples::audit();
    let commands = samples::commands().into_iter();
    let proposals: Vec<_> = commands.map(|(_, command)| samples::proposal(command)).collect();
    batch_encode(at, &proposals)
}

#[test]
fn what_is_cut_short_is_refused() {
    for bytes in proposals() {
        for length in 0..bytes.len() {
            assert!(proposal_decode(&bytes[..length]).is_err(), "{length}");
        }
    }
    for bytes in rows() {
        for length in 0..bytes.len() {
            assert!(row_decode(&bytes[..length]).is_err(), "{length}");
        }
    }
}

/// Between two of its parts a list can be cut without a trace: what lies on disk has a length and
/// a checksum around it for that.
#[test]
fn a_list_that_is_cut_short_is_refused_or_shorter() {
    let bytes = batch();
    let (_, whole) = batch_decode(&bytes).unwrap();
    for length in 0..bytes.len() {
        if let Ok((_, proposals)) = batch_decode(&bytes[..length]) {
            assert!(proposals.len() < whole.len(), "{length}");
            assert_eq!(proposals, whole[..proposals.len()], "{length}");
        }
    }
    let bytes = audit();
    let (index, _, whole) = samples::audit();
    for length in 1..bytes.len() {
        if let Ok(events) = audit_decode(index, &bytes[..length]) {
            assert!(events.len() < whole.len(), "{length}");
            assert_eq!(events, whole[..events.len()], "{length}");
        }
    }
}

/// Decodes a proposal after a change to its message.
fn changed(command: Command, change: impl FnOnce(&mut store::Proposal)) -> String {
    let bytes = proposal_encode(&samples::proposal(command));
    let mut message = store::Proposal::decode(&bytes[..]).unwrap();
    change(&mut message);
    refusal(proposal_decode(&message.encode_to_vec()))
}

fn refusal<T: std::fmt::Debug>(result: Result<T, DecodeError>) -> String {
    result.unwrap_err().to_string()
}

fn of(field: &str) -> String {
    format!("field {field} is absent or out of range")
}

#[test]
fn a_proposal_needs_every_field() {
    let change = |change: fn(&mut store::Proposal)| changed(Command::Tick, change);
    assert_eq!(change(|m| m.caller = None), of("caller"));
    assert_eq!(change(|m| m.seen = None), of("seen"));
    assert_eq!(change(|m| m.made_at = None), of("made_at"));
    assert_eq!(change(|m| m.node = None), of("node"));
    assert_eq!(change(|m| m.command = None), of("command"));
    assert_eq!(change(|m| m.request_id.truncate(15)), of("request_id"));
    assert_eq!(change(|m| m.fingerprint.push(0)), of("fingerprint"));
    for kind in [0, 4, -1] {
        let unknown = |m: &mut store::Proposal| m.caller = Some(store::Caller { kind, id: 1 });
        assert_eq!(changed(Command::Tick, unknown), of("caller.kind"));
    }
}

#[test]
fn an_outcome_needs_every_field() {
    let change = |change: fn(&mut store::Outcome)| {
        changed(Command::Verify(samples::outcome()), |message| {
            let Some(store::proposal::Command::Verify(outcome)) = &mut message.command else {
                panic!("a verification");
            };
            change(outcome);
        })
    };
    assert_eq!(change(|m| m.user = None), of("user"));
    assert_eq!(change(|m| m.application = None), of("application"));
    assert_eq!(change(|m| m.method = None), of("method"));
    assert_eq!(change(|m| m.method = Some(0)), of("method"));
    assert_eq!(change(|m| m.method = Some(2)), of("method"));
    assert_eq!(change(|m| m.client_ip = vec![0xff]), of("client_ip"));
    assert_eq!(change(|m| m.user_name.clear()), of("user_name"));
    assert_eq!(change(|m| m.user_name.push(' ')), of("user_name"));
    assert_eq!(change(|m| m.user_name = "a".repeat(257)), of("user_name"));
}

#[test]
fn a_token_has_parameters_that_exist() {
    let change = |change: fn(&mut store::EnrollToken)| {
        changed(Command::EnrollToken(samples::enroll_token()), |message| {
            let Some(store::proposal::Command::EnrollToken(enroll)) = &mut message.command else {
                panic!("an enrolment");
            };
            change(enroll);
        })
    };
    assert_eq!(change(|m| m.algorithm = 0), of("algorithm"));
    assert_eq!(change(|m| m.algorithm = 4), of("algorithm"));
    assert_eq!(change(|m| m.digits = 262), of("digits"));
    assert_eq!(change(|m| m.digits = 5), of("digits or period_seconds"));
    assert_eq!(change(|m| m.digits = 9), of("digits or period_seconds"));
    assert_eq!(change(|m| m.period_seconds = 31), of("digits or period_seconds"));
}

#[test]
fn a_cluster_has_an_administrator_and_a_node() {
    let change = |change: fn(&mut store::CreateCluster)| {
        let command = Command::CreateCluster(samples::create_cluster());
        changed(command, |message| {
            let Some(store::proposal::Command::CreateCluster(create)) = &mut message.command else {
                panic!("a cluster");
            };
            change(create);
        })
    };
    assert_eq!(change(|m| m.administrator = None), of("administrator"));
    assert_eq!(change(|m| m.node = None), of("node"));
    assert_eq!(change(|m| m.cluster.clear()), of("cluster"));
    assert_eq!(change(|m| m.lineage.clear()), of("lineage"));
    assert_eq!(change(|m| m.name = "a b".to_owned()), of("name"));
}

#[test]
fn what_a_newer_release_wrote_is_refused_and_not_skipped() {
    // Field 99 of a row, a proposal and an answer: a kind that this release does not know.
    let unknown = [0x9a, 0x06, 0x01, 0x00];
    assert_eq!(refusal(row_decode(&unknown)), of("row"));
    let message = peer::Answer::decode(&unknown[..]).unwrap();
    assert_eq!(refusal(answer_from_proto(message)), of("reply"));
    let bytes = proposal_encode(&samples::proposal(Command::Tick));
    let mut proposal = store::Proposal::decode(&bytes[..]).unwrap();
    proposal.command = None;
    let mut bytes = proposal.encode_to_vec();
    bytes.extend(unknown);
    assert_eq!(refusal(proposal_decode(&bytes)), of("command"));
}

#[test]
fn a_lineage_and_a_key_of_a_node_have_their_length() {
    let of_command = |place: usize, change: fn(&mut store::proposal::Command)| {
        let (_, command) = samples::epoch_commands().swap_remove(place);
        changed(command, |message| change(message.command.as_mut().unwrap()))
    };
    let lineage = of_command(0, |command| {
        if let store::proposal::Command::StartEpoch(m) = command {
            m.lineage.pop();
        }
    });
    assert_eq!(lineage, of("lineage"));
    let pin = of_command(2, |command| {
        if let store::proposal::Command::ReadmitNode(m) = command {
            m.pin.push(0);
        }
    });
    assert_eq!(pin, of("pin"));
}

#[test]
fn a_reply_has_a_number_that_exists() {
    let answer = |reply| peer::Answer { log_index: 1, reply: Some(reply) };
    for number in [0, 27, u32::MAX] {
        let refused = answer(peer::answer::Reply::Refused(number));
        assert_eq!(refusal(answer_from_proto(refused)), of("refused"));
    }
    for denial in [63, u32::MAX] {
        let verdict = peer::Verdict { denial, ..peer::Verdict::default() };
        let denied = answer(peer::answer::Reply::Verified(verdict));
        assert_eq!(refusal(answer_from_proto(denied)), of("denial"));
    }
}

#[test]
fn a_digest_has_32_bytes() {
    let mut message = scalars_to_proto(samples::scalars());
    message.digest.pop();
    assert_eq!(refusal(scalars_from_proto(&message)), of("digest"));
    let mut message = scalars_to_proto(samples::scalars());
    message.audit_chain.push(0);
    assert_eq!(refusal(scalars_from_proto(&message)), of("audit_chain"));
}

/// Errors name fields and never content.
#[test]
fn an_error_shows_nothing_of_what_was_read() {
    let said = changed(Command::Verify(samples::outcome()), |message| {
        let Some(store::proposal::Command::Verify(outcome)) = &mut message.command else {
            panic!("a verification");
        };
        outcome.user_name = "secret name".to_owned();
    });
    assert_eq!(said, of("user_name"));
    let cut = proposal_decode(&proposals()[0][..40]).unwrap_err();
    assert_eq!(cut.to_string(), "not a protobuf message");
}

#[test]
fn a_challenge_has_16_bytes_and_a_prompt_that_exists() {
    let verdict = |challenge: &[u8], prompt, denial| {
        let verdict = peer::Verdict { challenge: challenge.to_vec(), prompt, denial, failures: 0 };
        let reply = Some(peer::answer::Reply::Verified(verdict));
        refusal(answer_from_proto(peer::Answer { log_index: 1, reply }))
    };
    assert_eq!(verdict(&[1; 15], 1, 0), of("challenge"));
    assert_eq!(verdict(&[], 1, 0), of("challenge"));
    assert_eq!(verdict(&[1; 16], 0, 0), of("prompt"));
    assert_eq!(verdict(&[1; 16], 4, 0), of("prompt"));
    // Neither yes nor no.
    assert_eq!(verdict(&[1; 16], 1, 1), of("prompt"));

    let answered = |change: fn(&mut store::ChallengeAnswer)| {
        let (_, command) = samples::challenge_commands().remove(2);
        changed(command, |message| match &mut message.command {
            Some(store::proposal::Command::Verify(outcome)) => {
                change(outcome.answer.as_mut().unwrap());
            }
            _ => panic!("a verification"),
        })
    };
    assert_eq!(answered(|m| m.challenge.clear()), of("challenge"));
    assert_eq!(answered(|m| m.fingerprint = vec![1; 15]), of("fingerprint"));
    // A prompt that is no fault.
    assert_eq!(answered(|m| m.fault = 1), of("fault"));

    let row = |change: fn(&mut store::ChallengeRow)| {
        let (_, row) = samples::challenge_rows().remove(2);
        let mut message = store::Row::decode(&row_encode(&row)[..]).unwrap();
        match &mut message.row {
            Some(store::row::Row::Challenge(row)) => change(row),
            _ => panic!("a challenge"),
        }
        refusal(row_decode(&message.encode_to_vec()))
    };
    assert_eq!(row(|m| m.id.clear()), of("challenge"));
    assert_eq!(row(|m| m.chosen = vec![1; 3]), of("fingerprint"));
    assert_eq!(row(|m| m.tries = 256), of("tries"));
}

#[test]
fn what_a_newer_release_has_put_into_the_log_is_not_applied() {
    let of_level = |format_level| {
        let mut message = store::Batch::decode(&batch()[..]).unwrap();
        message.format_level = format_level;
        batch_decode(&message.encode_to_vec())
    };
    assert!(of_level(0).is_ok() && of_level(FORMAT_LEVEL).is_ok());
    let refused = of_level(FORMAT_LEVEL + 1).unwrap_err().to_string();
    assert!(refused.contains("format level 2") && refused.contains("install"), "{refused}");
}
