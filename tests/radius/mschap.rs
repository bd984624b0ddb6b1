//! MS-CHAPv2, judged by a FreeRADIUS: a password that is never sent, and that this cluster cannot read.

use des::Des;
use des::cipher::{Array, BlockCipherEncrypt as _, KeyInit as _};
use md4::{Digest as _, Md4};
use sha1::Sha1;
use symbolon_proto::v1;

use crate::freeradius::FreeRadius;
use crate::radclient::Told;
use crate::support::{cluster_of, device, last_denial};
use crate::targets::policy;

const PASSWORD: &str = "Winter is coming";

/// What a supplicant shows (RFC 2759), and what it wants to see.
struct Proof {
    challenge: [u8; 16],
    response: Vec<u8>,
    success: String,
}

fn sha1(parts: &[&[u8]]) -> Vec<u8> {
    let hash = parts.iter().fold(Sha1::new(), |hash, part| hash.chain_update(part));
    hash.finalize().to_vec()
}

fn md4(bytes: &[u8]) -> Vec<u8> {
    Md4::new().chain_update(bytes).finalize().to_vec()
}

/// DES under 56 bits, spread over eight bytes as FIPS 46 wants them.
fn des(key: &[u8], block: &[u8]) -> Vec<u8> {
    let bits = key.iter().fold(0_u64, |bits, byte| bits << 8 | u64::from(*byte));
    let spread: [u8; 8] = std::array::from_fn(|n| ((bits >> (49 - 7 * n)) as u8 & 0x7f) << 1);
    let mut block = Array::try_from(block).unwrap();
    Des::new(&spread.into()).encrypt_block(&mut block);
    block.to_vec()
}

impl Proof {
    fn of(name: &str, password: &str, seed: u8) -> Self {
        let (challenge, peer) = ([seed; 16], [seed ^ 0x55; 16]);
        let text: Vec<u8> = password.encode_utf16().flat_map(u16::to_le_bytes).collect();
        let hash = md4(&text);
        let hashed = sha1(&[&peer, &challenge, name.as_bytes()]);
        let key = [&hash[..], &[0; 5]].concat();
        let shown: Vec<u8> = key.chunks(7).flat_map(|key| des(key, &hashed[..8])).collect();
        let response = [&[7, 0][..], &peer, &[0; 8], &shown].concat();
        let first = b"Magic server to client signing constant";
        let second = b"Pad to make it do more than one iteration";
        let digest = sha1(&[&md4(&hash), &shown, first]);
        let proof = sha1(&[&digest, &hashed[..8], second]);
        let text = format!("\u{7}S={}", data_encoding::HEXUPPER.encode(&proof));
        let success = format!("0x{}", data_encoding::HEXLOWER.encode(text.as_bytes()));
        Self { challenge, response, success }
    }

    async fn ask(&self, device: &crate::radclient::Device, name: &str) -> Told {
        let hex = |bytes: &[u8]| data_encoding::HEXLOWER.encode(bytes);
        let shown = format!(
            "User-Name = {name:?}\nMS-CHAP-Challenge = 0x{}\nMS-CHAP2-Response = 0x{}\n",
            hex(&self.challenge),
            hex(&self.response)
        );
        device.send("auth", shown).await
    }
}

#[tokio::test]
async fn a_target_judges_it_and_the_code_comes_with_pap() {
    let server = FreeRadius::start(&[("alice", PASSWORD)]).await;
    let cluster = cluster_of(2, policy(&[&server])).await;
    let alice = cluster.person("alice").await;
    let wrong = Proof::of("alice", "Summer", 1).ask(&device(&cluster, 1), "alice").await;
    assert!(wrong.rejected(), "{wrong:?}");
    assert_eq!(last_denial(&cluster, "alice").await, "FIRST_FACTOR_DENIED");

    let asked = Proof::of("alice", PASSWORD, 2).ask(&device(&cluster, 1), "alice").await;
    assert!(asked.is("Access-Challenge"), "{asked:?}");
    let with = [("State", asked.attribute("State").unwrap())];
    let done = device(&cluster, 2).ask("alice", &alice.otp.code(), &with).await;
    assert!(done.accepted(), "{done:?}");
    assert_eq!(done.attribute("Class"), Some("0x76706e"), "what the target granted");
}

#[tokio::test]
async fn who_is_asked_for_no_code_gets_the_targets_proof_and_its_keys() {
    let server = FreeRadius::start(&[("alice", PASSWORD)]).await;
    let cluster = cluster_of(1, policy(&[&server])).await;
    cluster.person("alice").await;
    cluster.admin(1).grant_bypass("alice", 60).await.unwrap();
    let proof = Proof::of("alice", PASSWORD, 3);
    let told = proof.ask(&device(&cluster, 1), "alice").await;
    assert!(told.accepted(), "{told:?}");
    assert_eq!(told.attribute("MS-CHAP2-Success"), Some(&*proof.success), "{told:?}");
    let keys = ["MS-MPPE-Send-Key", "MS-MPPE-Recv-Key"].map(|name| told.attribute(name).unwrap());
    // 16 bytes each, hidden on both ways with the secret of either.
    assert!(keys.iter().all(|key| key.len() == 34) && keys[0] != keys[1], "{keys:?}");
}

#[tokio::test]
async fn nothing_but_a_target_judges_it_and_unsigned_it_is_nobodys_word() {
    let cluster = cluster_of(1, v1::RadiusPolicy::default()).await;
    cluster.person("alice").await;
    let proof = Proof::of("alice", PASSWORD, 4);
    let device = device(&cluster, 1);
    let told = proof.ask(&device, "alice").await;
    assert!(told.rejected(), "{told:?}");
    let told = proof.ask(&device.unsigned(), "alice").await;
    assert!(told.nothing(), "{told:?}");
}
