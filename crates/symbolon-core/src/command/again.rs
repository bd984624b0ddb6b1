//! Commands that are wanted again: those that a node had taken which its cluster went on without.

use alloc::vec::Vec;

use super::{
    Command, DeleteAdministrator, DeleteApplication, DeleteUser, RemoveRadiusClient,
    SetRadiusClient, UpdateAdministrator, UpdateApplication, UpdateSettings, UpdateUser,
};
use crate::{LogIndex, RowKey, State};

impl Command {
    /// This command as somebody can want it again; `None` for what has its effect only at the time, or is
    /// the cluster's own. What it was bound to is not asked any more: whoever wants it again has seen
    /// what has changed.
    #[must_use]
    pub fn again(&self) -> Option<Self> {
        Some(match self {
            Self::UpdateUser(it) => Self::UpdateUser(UpdateUser { revision: None, ..it.clone() }),
            Self::DeleteUser(it) => Self::DeleteUser(DeleteUser { revision: None, ..it.clone() }),
            Self::UpdateApplication(it) => {
                Self::UpdateApplication(UpdateApplication { revision: None, ..it.clone() })
            }
            Self::DeleteApplication(it) => {
                Self::DeleteApplication(DeleteApplication { revision: None, ..it.clone() })
            }
            Self::SetRadiusClient(it) => {
                Self::SetRadiusClient(SetRadiusClient { revision: None, ..it.clone() })
            }
            Self::RemoveRadiusClient(it) => {
                Self::RemoveRadiusClient(RemoveRadiusClient { revision: None, ..it.clone() })
            }
            Self::UpdateAdministrator(it) => {
                Self::UpdateAdministrator(UpdateAdministrator { revision: None, ..it.clone() })
            }
            Self::DeleteAdministrator(it) => {
                Self::DeleteAdministrator(DeleteAdministrator { revision: None, ..it.clone() })
            }
            Self::CreateUser(_)
            | Self::BlockUser(_)
            | Self::UnblockUser(_)
            | Self::SetPin(_)
            | Self::CreateRecoveryCodes(_)
            | Self::EnrollToken(_)
            | Self::RemoveToken(_)
            | Self::CreateApplication(_)
            | Self::RotateApplicationKey(_)
            | Self::RetireApplicationKey(_)
            | Self::CreateAdministrator(_)
            | Self::RotateAdministratorToken(_) => self.clone(),
            Self::UpdateSettings(it) => {
                Self::UpdateSettings(UpdateSettings { revision: None, ..it.clone() })
            }
            // Codes that were shown, a bypass that is void, tokens of nodes, keys: for their time alone.
            _ => return None,
        })
    }

    /// The rows that an administrator means by it, as far as the command itself says.
    #[must_use]
    pub fn touches(&self) -> Vec<RowKey> {
        let row = match self {
            Self::CreateUser(it) => RowKey::User(it.user),
            Self::UpdateUser(it) => RowKey::User(it.user),
            Self::BlockUser(it) => RowKey::User(it.user),
            Self::UnblockUser(it) => RowKey::User(it.user),
            Self::SetPin(it) => RowKey::User(it.user),
            Self::GrantBypass(it) => RowKey::User(it.user),
            Self::CancelBypass(it) => RowKey::User(it.user),
            Self::CreateRecoveryCodes(it) => RowKey::User(it.user),
            Self::DeleteUser(it) => RowKey::User(it.user),
            Self::EnrollToken(it) => {
                return [RowKey::User(it.user), RowKey::Token(it.token)].into();
            }
            Self::RemoveToken(it) => RowKey::Token(it.token),
            Self::CreateApplication(it) => RowKey::Application(it.application),
            Self::UpdateApplication(it) => RowKey::Application(it.application),
            Self::RotateApplicationKey(it) => RowKey::Application(it.application),
            Self::RetireApplicationKey(it) => RowKey::Application(it.application),
            Self::DeleteApplication(it) => RowKey::Application(it.application),
            Self::SetRadiusClient(it) => RowKey::RadiusClient(it.application),
            Self::RemoveRadiusClient(it) => RowKey::RadiusClient(it.application),
            Self::CreateAdministrator(it) => RowKey::Administrator(it.administrator),
            Self::UpdateAdministrator(it) => RowKey::Administrator(it.administrator),
            Self::RotateAdministratorToken(it) => RowKey::Administrator(it.administrator),
            Self::DeleteAdministrator(it) => RowKey::Administrator(it.administrator),
            Self::UpdateSettings(_) => RowKey::Settings,
            _ => return Vec::new(),
        };
        [row].into()
    }

    /// Whether it makes the row, which is then not there before.
    #[must_use]
    pub fn makes(&self, row: RowKey) -> bool {
        match self {
            Self::CreateUser(_) | Self::CreateApplication(_) | Self::CreateAdministrator(_) => {
                self.touches().contains(&row)
            }
            Self::EnrollToken(it) => row == RowKey::Token(it.token),
            _ => false,
        }
    }
}

impl State {
    /// Whether the name that a command gives to what it makes is somebody's already.
    #[must_use]
    pub fn has_name_of(&self, command: &Command) -> bool {
        match command {
            Command::CreateUser(it) => self.user_by_name(&it.name).is_some(),
            Command::CreateApplication(it) => self.application_by_name(&it.name).is_some(),
            Command::CreateAdministrator(it) => self.administrator_by_name(&it.name).is_some(),
            _ => false,
        }
    }

    /// The log entry of an administrator's last change to a row; `None` when it is not there, or nobody
    /// changes it. Settings that nobody has set were changed never: 0.
    #[must_use]
    pub fn last_change(&self, row: RowKey) -> Option<LogIndex> {
        match row {
            RowKey::User(id) => self.user(id).map(|row| row.revision),
            RowKey::Token(id) => {
                // Its codes move it; whoever deals with it deals with its user.
                let user = self.token(id).and_then(|token| self.user(token.user));
                user.map(|user| user.revision)
            }
            RowKey::Application(id) => self.application(id).map(|row| row.changed_at),
            RowKey::Administrator(id) => self.administrator(id).map(|row| row.changed_at),
            RowKey::RadiusClient(id) => self.radius_client(id).map(|row| row.changed_at),
            RowKey::Settings => Some(self.settings().changed_at),
            RowKey::Cluster
            | RowKey::Node(_)
            | RowKey::JoinToken(_)
            | RowKey::DataKeys
            | RowKey::Challenge(_)
            | RowKey::Journal(_) => None,
        }
    }
}
