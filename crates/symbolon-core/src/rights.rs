//! Who may do what: one table, for the service, for [`State::apply`](crate::State::apply) and for the
//! documents.

use core::fmt;

/// Something that a caller may be allowed.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Right {
    /// To ask whether a second factor is good.
    Verify,
    /// To act for a person who has signed in at a portal. Nothing asks for it yet.
    SelfService,
    /// To help people: look them up, block them, give and take tokens.
    HelpDesk,
    /// To read everything but secrets, and change nothing.
    Auditor,
    /// Everything.
    Administrator,
}

impl Right {
    /// All of them.
    pub const ALL: [Self; 5] =
        [Self::Verify, Self::SelfService, Self::HelpDesk, Self::Auditor, Self::Administrator];

    /// As people and documents name it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Verify => "verify",
            Self::SelfService => "self-service",
            Self::HelpDesk => "help-desk",
            Self::Auditor => "auditor",
            Self::Administrator => "administrator",
        }
    }

    /// The right of that name.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|right| right.name() == name)
    }

    const fn bit(self) -> u8 {
        match self {
            Self::Verify => 1,
            Self::SelfService => 2,
            Self::HelpDesk => 4,
            Self::Auditor => 8,
            Self::Administrator => 16,
        }
    }
}

/// A set of rights.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub struct Rights(u8);

impl Rights {
    /// None at all.
    pub const NONE: Self = Self(0);
    /// What an application has unless its maker says otherwise.
    pub const VERIFY: Self = Self::NONE.with(Right::Verify);
    /// Of who may do everything.
    pub const ADMINISTRATOR: Self = Self::NONE.with(Right::Administrator);

    /// These and one more.
    #[must_use]
    pub const fn with(self, right: Right) -> Self {
        Self(self.0 | right.bit())
    }

    /// Whether a right is among them.
    #[must_use]
    pub const fn has(self, right: Right) -> bool {
        self.0 & right.bit() != 0
    }

    /// Whether one of these is among the others.
    #[must_use]
    pub const fn any_of(self, others: Self) -> bool {
        self.0 & others.0 != 0
    }

    /// In the order of [`Right::ALL`].
    pub fn iter(self) -> impl Iterator<Item = Right> {
        Right::ALL.into_iter().filter(move |right| self.has(*right))
    }

    /// A bit for each: the same for ever, in formats and the digest.
    #[must_use]
    pub const fn bits(self) -> u8 {
        self.0
    }

    /// The inverse of [`bits`](Self::bits); `None` for a bit that is no right's.
    #[must_use]
    pub const fn from_bits(bits: u8) -> Option<Self> {
        if bits < 32 { Some(Self(bits)) } else { None }
    }
}

impl fmt::Display for Rights {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut separator = "";
        for right in self.iter() {
            write!(f, "{separator}{}", right.name())?;
            separator = ", ";
        }
        Ok(())
    }
}

/// What an administrator's account is for.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
pub enum Role {
    /// Everything.
    #[default]
    Administrator,
    /// To help people, perhaps only some of them.
    HelpDesk,
    /// To read.
    Auditor,
}

impl Role {
    /// The rights of the role.
    #[must_use]
    pub const fn rights(self) -> Rights {
        Rights::NONE.with(match self {
            Self::Administrator => Right::Administrator,
            Self::HelpDesk => Right::HelpDesk,
            Self::Auditor => Right::Auditor,
        })
    }

    /// Number in formats and the digest; the same for ever.
    #[must_use]
    pub const fn number(self) -> u8 {
        match self {
            Self::Administrator => 0,
            Self::HelpDesk => 1,
            Self::Auditor => 2,
        }
    }

    /// As people and documents name it: as its right.
    #[must_use]
    pub fn name(self) -> &'static str {
        self.rights().iter().next().map_or("", Right::name)
    }

    /// The inverse of [`number`](Self::number).
    #[must_use]
    pub const fn from_number(number: u32) -> Option<Self> {
        match number {
            0 => Some(Self::Administrator),
            1 => Some(Self::HelpDesk),
            2 => Some(Self::Auditor),
            _ => None,
        }
    }
}

/// For [`Operation::rights`]: who is allowed it besides administrators.
const NOBODY_ELSE: Rights = Rights::ADMINISTRATOR;
const ASKING: Rights = Rights::ADMINISTRATOR.with(Right::Verify);
const HELPING: Rights = Rights::ADMINISTRATOR.with(Right::HelpDesk);
const SERVING: Rights = HELPING.with(Right::SelfService);
const READING: Rights = Rights::ADMINISTRATOR.with(Right::Auditor);
const LOOKING_UP: Rights = HELPING.with(Right::Auditor);

macro_rules! operations {
    ($($(#[$doc:meta])* $operation:ident = $name:literal: $rights:ident,)*) => {
        /// The closed list of what a caller can ask for: a method of the API each.
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
        #[expect(missing_docs, reason = "each is the method that it is named after")]
        pub enum Operation {
            $($(#[$doc])* $operation,)*
        }

        impl Operation {
            /// All of them, in the order in which documents list them.
            pub const ALL: &[Self] = &[$(Self::$operation,)*];

            /// The method, as `Service.Method`.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self { $(Self::$operation => $name,)* }
            }

            /// Any of these rights is enough.
            #[must_use]
            pub const fn rights(self) -> Rights {
                match self { $(Self::$operation => $rights,)* }
            }
        }
    };
}

operations! {
    Verify = "VerificationService.Verify": ASKING,
    CreateUser = "UserService.CreateUser": NOBODY_ELSE,
    GetUser = "UserService.GetUser": LOOKING_UP,
    ListUsers = "UserService.ListUsers": LOOKING_UP,
    UpdateUser = "UserService.UpdateUser": HELPING,
    BlockUser = "UserService.BlockUser": HELPING,
    UnblockUser = "UserService.UnblockUser": HELPING,
    SetPin = "UserService.SetPin": HELPING,
    GrantBypass = "UserService.GrantBypass": HELPING,
    CancelBypass = "UserService.CancelBypass": HELPING,
    CreateRecoveryCodes = "UserService.CreateRecoveryCodes": HELPING,
    DeleteUser = "UserService.DeleteUser": NOBODY_ELSE,
    ExportPersonalData = "UserService.ExportPersonalData": NOBODY_ELSE,
    EnrollToken = "UserService.EnrollToken": HELPING,
    ConfirmToken = "UserService.ConfirmToken": HELPING,
    ResyncToken = "UserService.ResyncToken": SERVING,
    RemoveToken = "UserService.RemoveToken": HELPING,
    ImportTokens = "UserService.ImportTokens": NOBODY_ELSE,
    ImportUsers = "UserService.ImportUsers": NOBODY_ELSE,
    CreateApplication = "ApplicationService.CreateApplication": NOBODY_ELSE,
    GetApplication = "ApplicationService.GetApplication": READING,
    ListApplications = "ApplicationService.ListApplications": READING,
    UpdateApplication = "ApplicationService.UpdateApplication": NOBODY_ELSE,
    RotateApplicationKey = "ApplicationService.RotateApplicationKey": NOBODY_ELSE,
    RetireApplicationKey = "ApplicationService.RetireApplicationKey": NOBODY_ELSE,
    DeleteApplication = "ApplicationService.DeleteApplication": NOBODY_ELSE,
    SetRadiusClient = "ApplicationService.SetRadiusClient": NOBODY_ELSE,
    GetRadiusClient = "ApplicationService.GetRadiusClient": READING,
    RemoveRadiusClient = "ApplicationService.RemoveRadiusClient": NOBODY_ELSE,
    CreateAdministrator = "AdministratorService.CreateAdministrator": NOBODY_ELSE,
    GetAdministrator = "AdministratorService.GetAdministrator": READING,
    ListAdministrators = "AdministratorService.ListAdministrators": READING,
    UpdateAdministrator = "AdministratorService.UpdateAdministrator": NOBODY_ELSE,
    RotateAdministratorToken = "AdministratorService.RotateAdministratorToken": NOBODY_ELSE,
    DeleteAdministrator = "AdministratorService.DeleteAdministrator": NOBODY_ELSE,
    QueryAudit = "AuditService.Query": READING,
    TailAudit = "AuditService.Tail": READING,
    Explain = "SettingsService.Explain": LOOKING_UP,
    GetSettings = "SettingsService.GetSettings": READING,
    UpdateSettings = "SettingsService.UpdateSettings": NOBODY_ELSE,
    ApplySettings = "SettingsService.ApplySettings": NOBODY_ELSE,
    GetStatus = "ClusterService.GetStatus": READING,
    CreateJoinToken = "ClusterService.CreateJoinToken": NOBODY_ELSE,
    RotateDataKey = "ClusterService.RotateDataKey": NOBODY_ELSE,
    PromoteSubordinate = "ClusterService.PromoteSubordinate": NOBODY_ELSE,
    RemoveNode = "ClusterService.RemoveNode": NOBODY_ELSE,
    ReleaseRecoveryCodes = "ClusterService.ReleaseRecoveryCodes": NOBODY_ELSE,
    DiscardEpoch = "ClusterService.DiscardEpoch": NOBODY_ELSE,
    AcknowledgeDoubles = "ClusterService.AcknowledgeDoubles": NOBODY_ELSE,
    ConfirmClock = "ClusterService.ConfirmClock": NOBODY_ELSE,
    ListQuarantines = "QuarantineService.ListQuarantines": READING,
    ShowQuarantine = "QuarantineService.ShowQuarantine": READING,
    ReapplyQuarantine = "QuarantineService.ReapplyQuarantine": NOBODY_ELSE,
    DiscardQuarantine = "QuarantineService.DiscardQuarantine": NOBODY_ELSE,
}

impl Operation {
    /// Whether root on a node's machine may ask for it, over that node's local socket: what can be done
    /// where nothing can be written, and has no use for an account.
    #[must_use]
    pub const fn is_local(self) -> bool {
        matches!(
            self,
            Self::GetStatus
                | Self::PromoteSubordinate
                | Self::ListQuarantines
                | Self::ShowQuarantine
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::string::ToString as _;

    #[test]
    fn an_administrator_may_do_everything_and_nobody_else_may() {
        for operation in Operation::ALL {
            assert!(operation.rights().has(Right::Administrator), "{}", operation.name());
        }
        for right in Right::ALL {
            let all = Operation::ALL.iter().all(|operation| operation.rights().has(right));
            assert_eq!(all, right == Right::Administrator, "{}", right.name());
        }
    }

    #[test]
    fn rights_are_written_by_name_and_kept_as_bits() {
        let rights = Rights::VERIFY.with(Right::HelpDesk);
        assert_eq!(rights.to_string(), "verify, help-desk");
        assert_eq!(Rights::from_bits(rights.bits()), Some(rights));
        assert_eq!(Rights::from_bits(32), None);
        for right in Right::ALL {
            assert_eq!(Right::named(right.name()), Some(right));
        }
    }
}
