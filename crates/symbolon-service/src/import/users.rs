//! Users from files.

use futures_util::future::join_all;
use symbolon_core::{
    Command, CreateUser, DisplayName, Operation, Profile, ProfileChange, State, UpdateUser, User,
    UserId, UserName,
};

use super::{Fate, IMPORT_ROWS_MAX, Import, UserRow, fate_of};
use crate::admin::kind;
use crate::names;
use crate::{Service, ServiceError};

/// A row that was checked.
struct Wish<'a> {
    name: &'a UserName,
    display_name: Option<&'a DisplayName>,
    disabled: Option<bool>,
    profile: &'a ProfileChange,
    /// Whether a user who is another becomes what the row says.
    update: bool,
}

impl Service {
    /// Adds users. One who is there and another is left as he is unless `update`.
    ///
    /// # Errors
    /// [`ServiceError`] when rows could not be decided; others may have been carried out.
    pub async fn import_users(
        &self,
        import: Import<'_>,
        rows: &[Result<UserRow, ServiceError>],
        update: bool,
    ) -> Result<Vec<Fate>, ServiceError> {
        let (import, _place) =
            self.begin_import(import, Operation::ImportUsers, "users", rows.len()).await?;
        let fates = rows.iter().enumerate();
        let fates = fates.map(|(at, row)| self.import_user(&import, at, row, update));
        join_all(fates).await.into_iter().collect()
    }

    async fn import_user(
        &self,
        import: &Import<'_>,
        at: usize,
        row: &Result<UserRow, ServiceError>,
        update: bool,
    ) -> Result<Fate, ServiceError> {
        let row = match row {
            Ok(row) => row,
            Err(error) => return fate_of(Err(error.clone())),
        };
        let mut decided = self.try_user(import, at, row, update).await;
        if let Err(ServiceError::AlreadyExists { .. }) = decided {
            // Somebody was faster: now the user is there to be compared with.
            decided = self.try_user(import, at, row, update).await;
        }
        fate_of(decided.map_err(|error| kind(error, "user")))
    }

    async fn try_user(
        &self,
        import: &Import<'_>,
        at: usize,
        row: &UserRow,
        update: bool,
    ) -> Result<Fate, ServiceError> {
        let name = names::user_name(&row.username)?;
        let display_name = row.display_name.as_deref().map(DisplayName::new).transpose();
        let display_name = display_name.map_err(|error| names::bad_name("display_name", error))?;
        let disabled = row.enabled.map(|enabled| !enabled);
        let wish = Wish {
            name: &name,
            display_name: display_name.as_ref(),
            disabled,
            profile: &row.profile,
            update,
        };
        let fate = self.carry_out(import, at, &wish).await?;
        if fate != Fate::Created || disabled != Some(true) || import.dry_run {
            return Ok(fate);
        }
        // A new user has no token, so nothing is open until this second step.
        let switch_off = Wish { update: true, ..wish };
        self.carry_out(import, at + IMPORT_ROWS_MAX, &switch_off).await?;
        Ok(Fate::Created)
    }

    async fn carry_out(
        &self,
        import: &Import<'_>,
        at: usize,
        wish: &Wish<'_>,
    ) -> Result<Fate, ServiceError> {
        let shape = format!(
            "{:?} {:?} {:?} {}",
            wish.display_name, wish.disabled, wish.profile, wish.update
        );
        let fields = [wish.name.as_str().as_bytes(), shape.as_bytes()];
        let id = self.row_id(import, at);
        let request = self.request(import.principal, id, Operation::ImportUsers, &fields)?;
        let decide = |state: &State| {
            Ok(match state.user_by_name(wish.name) {
                Some(user) => wish.compared_with(user),
                None => Ok(Command::CreateUser(CreateUser {
                    user: UserId(self.draw()),
                    name: wish.name.clone(),
                    display_name: wish.new_display_name()?,
                    profile: Profile::default().with(&wish.profile.values, &wish.profile.fields),
                })),
            })
        };
        self.decide(import, &request, Fate::Created, decide).await
    }
}

impl Wish<'_> {
    fn new_display_name(&self) -> Result<DisplayName, ServiceError> {
        match self.display_name {
            Some(name) => Ok(name.clone()),
            None => DisplayName::new("").map_err(|_| ServiceError::Internal),
        }
    }

    /// What there is to do about a user who is there. Only what the row says is compared.
    fn compared_with(&self, user: &User) -> Result<Command, Fate> {
        let display_name = self.display_name.filter(|name| **name != user.display_name);
        let disabled = self.disabled.filter(|disabled| *disabled != user.disabled);
        let ProfileChange { fields, values } = self.profile;
        let profile = user.profile().differing(values, fields);
        let said = [display_name.map(|_| "display_name"), disabled.map(|_| "enabled")];
        let said = said.into_iter().flatten();
        let fields: Vec<_> = said.chain(profile.iter().map(|field| field.name())).collect();
        if fields.is_empty() {
            return Err(Fate::Unchanged);
        }
        if !self.update {
            let fields = fields.join(" and ");
            let what = format!("the user is there with another {fields}, and was left as it is");
            return Err(Fate::Different(what));
        }
        Ok(Command::UpdateUser(UpdateUser {
            user: user.id,
            display_name: display_name.cloned(),
            disabled,
            profile: ProfileChange { fields: profile, values: values.clone() },
            revision: None,
        }))
    }
}
