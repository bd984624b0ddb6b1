//! Events about seizes, and about nodes that come back or leave.

use symbolon_core::{AdministratorId, AuditRow, KeyPin, LineageId, NodeId};

use super::events::{fields, name};

pub(crate) fn of_epochs() -> Vec<AuditRow> {
    let began = (2, LineageId([3; 16]), NodeId(1), Some(AdministratorId(4)));
    let mut rows = fields(
        began,
        &[
            |it| it.0 = 9,
            |it| it.1 = LineageId([9; 16]),
            |it| it.2 = NodeId(9),
            |it| it.3 = Some(AdministratorId(9)),
            |it| it.3 = None,
        ],
        |(epoch, lineage, node, administrator)| AuditRow::EpochStarted {
            epoch,
            lineage,
            node,
            administrator,
        },
    );
    let back = (NodeId(4), name("n2"), NodeId(2));
    rows.extend(fields(
        back,
        &[|it| it.0 = NodeId(9), |it| it.1 = name("n9"), |it| it.2 = NodeId(9)],
        |(node, name, previous)| AuditRow::NodeReadmitted { node, name, previous },
    ));
    let gone = (NodeId(2), name("n2"), KeyPin([5; 32]));
    rows.extend(fields(
        gone,
        &[|it| it.0 = NodeId(9), |it| it.1 = name("n9"), |it| it.2 = KeyPin([9; 32])],
        |(node, name, pin)| AuditRow::NodeRemoved { node, name, pin },
    ));
    rows.push(AuditRow::RecoveryCodesReleased);
    rows
}

pub(crate) fn of_epochs_apart() -> Vec<AuditRow> {
    fields(
        (2, LineageId([3; 16])),
        &[|it| it.0 = 9, |it| it.1 = LineageId([9; 16])],
        |(epoch, lineage)| AuditRow::EpochDiscarded { epoch, lineage },
    )
}

pub(crate) fn of_clocks() -> Vec<AuditRow> {
    vec![AuditRow::ClockConfirmed]
}
