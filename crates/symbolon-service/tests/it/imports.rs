//! Users from files, and lists of those who belong together.

use symbolon_core::{LogIndex, Profile, ProfileChange, ProfileField, RequestId, Role};
use symbolon_service::{
    Fate, Import, NewAdministrator, Principal, ServiceError, UserFilter, UserRow,
};

use super::bench::{Bench, deadline};

type Row = Result<UserRow, ServiceError>;

fn row(username: &str, group: &str) -> Row {
    let (groups, none) = (vec![group.to_owned()], Vec::new());
    let values = Profile::new(String::new(), Vec::new(), groups, none, String::new()).unwrap();
    let profile = ProfileChange { fields: vec![ProfileField::Groups], values };
    Ok(UserRow { username: username.to_owned(), profile, ..UserRow::default() })
}

fn import(principal: &Principal, id: u8, dry_run: bool) -> Import<'_> {
    Import { principal, request_id: Some(RequestId([id; 16])), dry_run, deadline: deadline() }
}

fn created(bench: &Bench, name: &str) -> Option<LogIndex> {
    let name = symbolon_core::UserName::new(name).unwrap();
    bench.ledger.state().user_by_name(&name).map(|user| user.revision)
}

#[tokio::test(start_paused = true)]
async fn a_rehearsal_tells_what_would_become_of_each_row_and_writes_nothing() {
    let bench = Bench::new().await;
    bench.user("alice").await;
    let rows = [row("alice", "staff"), row("bob", "staff"), row("two words", "staff")];
    let (proposals, digest) = (bench.ledger.proposals().len(), bench.ledger.state().digest());
    for update in [false, true] {
        let rehearsal = import(&bench.admin, 1, true);
        let told = bench.service.import_users(rehearsal, &rows, update).await.unwrap();
        let of_alice = matches!(&told[0], Fate::Different(_));
        assert_eq!((of_alice, told[0] == Fate::Updated), (!update, update), "{told:?}");
        assert_eq!(told[1], Fate::Created);
        assert!(matches!(told[2], Fate::Refused(_)), "{told:?}");
    }
    assert_eq!(bench.ledger.proposals().len(), proposals, "nothing went into the log");
    assert_eq!(bench.ledger.state().digest(), digest);

    // What was rehearsed comes about, under the id that the rehearsal had.
    let told = bench.service.import_users(import(&bench.admin, 1, false), &rows, true).await;
    assert_eq!(told.unwrap()[..2], [Fate::Updated, Fate::Created]);
    assert!(created(&bench, "bob").is_some());
}

#[tokio::test(start_paused = true)]
async fn an_import_that_is_sent_again_is_told_as_it_was_and_done_once() {
    let bench = Bench::new().await;
    let rows = [row("alice", "staff"), row("bob", "staff")];
    let first = bench.service.import_users(import(&bench.admin, 2, false), &rows, false).await;
    assert_eq!(first.unwrap(), [Fate::Created, Fate::Created]);
    let made = [created(&bench, "alice"), created(&bench, "bob")];

    let again = bench.service.import_users(import(&bench.admin, 2, false), &rows, false).await;
    assert_eq!(again.unwrap(), [Fate::Created, Fate::Created], "as it was told first");
    assert_eq!([created(&bench, "alice"), created(&bench, "bob")], made, "they are the same");
    let anew = bench.service.import_users(import(&bench.admin, 3, false), &rows, false).await;
    assert_eq!(anew.unwrap(), [Fate::Unchanged, Fate::Unchanged], "another question");
}

#[tokio::test(start_paused = true)]
async fn an_import_whose_answer_was_lost_is_found_by_the_ids_of_its_rows() {
    let bench = Bench::new().await;
    let rows = [row("alice", "staff"), row("bob", "staff")];
    bench.ledger.lose_answers(rows.len());
    let lost = bench.service.import_users(import(&bench.admin, 4, false), &rows, false).await;
    assert!(lost.is_err(), "{lost:?}");
    let proposed = |from: usize| -> Vec<_> {
        bench.ledger.proposals()[from..].iter().map(|one| one.request_id).collect()
    };
    let before = bench.ledger.proposals().len();
    let ids = proposed(before - rows.len());
    assert_ne!(ids[0], ids[1], "each row has an id of its own");
    let again = bench.service.import_users(import(&bench.admin, 4, false), &rows, false).await;
    assert_eq!(again.unwrap(), [Fate::Created, Fate::Created]);
    assert!(proposed(before).iter().all(|id| ids.contains(id)), "no row has another id");
}

#[tokio::test(start_paused = true)]
async fn a_list_of_a_group_is_of_those_alone_who_are_in_it_and_in_sight() {
    let bench = Bench::new().await;
    let rows = [row("alice", "sales"), row("bob", "it"), row("carol", "sales")];
    let service = &bench.service;
    service.import_users(import(&bench.admin, 5, false), &rows, false).await.unwrap();
    let scope = vec!["group:sales".to_owned()];
    let new = NewAdministrator { name: "heidi".to_owned(), role: Role::HelpDesk, scope };
    let made = service.create_administrator(&bench.admin, None, &new, deadline()).await;
    let heidi = service.authenticate(&made.unwrap().1, None, deadline()).await.unwrap();
    let listed = async |principal: &Principal, group: &str| {
        let filter = UserFilter { group: group.to_owned(), ..UserFilter::default() };
        let page = service.list_users(principal, 0, None, &filter, false, deadline()).await;
        let names = page.unwrap().users.into_iter().map(|user| user.name.to_string());
        names.collect::<Vec<_>>()
    };
    assert_eq!(listed(&bench.admin, "").await, ["alice", "bob", "carol"]);
    assert_eq!(listed(&bench.admin, "sales").await, ["alice", "carol"]);
    assert_eq!(listed(&bench.admin, "it").await, ["bob"]);
    assert_eq!(listed(&heidi, "").await, ["alice", "carol"], "the scope");
    assert_eq!(listed(&heidi, "sales").await, ["alice", "carol"]);
    assert!(listed(&heidi, "it").await.is_empty(), "another group does not widen the scope");
}
