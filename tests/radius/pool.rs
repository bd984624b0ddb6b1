//! FreeRADIUS as what devices ask, which has two nodes as its pool of servers.

use symbolon_proto::v1;

use crate::freeradius::{FreeRadius, TARGET_SECRET};
use crate::radclient::Device;
use crate::relay::Relay;
use crate::support::{SECRET, cluster_of, radius};

#[tokio::test]
async fn a_proxy_that_loses_the_reply_of_its_first_server_signs_in_at_the_second() {
    let policy = v1::RadiusPolicy { retry_identity: true, ..Default::default() };
    let cluster = cluster_of(3, policy).await;
    let people = cluster.people("user", 5).await;
    let primary = Relay::to(radius(&cluster, 1), [0]).await;
    let servers = [primary.address, radius(&cluster, 2)];
    let proxy = FreeRadius::start_proxy(&servers, SECRET).await;
    primary.lose_replies(true);
    // It is the device that must ask again: then the proxy turns to the next server.
    let device = Device::new(proxy.address().parse().unwrap(), TARGET_SECRET);
    let device = Device { tries: (8, 2), ..device };
    for (number, person) in people.iter().enumerate() {
        let port = number.to_string();
        let session = [("NAS-Port", &*port), ("Calling-Station-Id", "\"192.0.2.9\"")];
        let told = device.ask(&person.username, &person.otp.code(), &session).await;
        assert!(told.accepted(), "{number}: {told:?}\n{}", proxy.log());
    }
    assert!(primary.lost() > 0, "the first server had decided");
}
