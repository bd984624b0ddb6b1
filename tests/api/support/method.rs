//! Names of methods, as they stand in the path of a call.

pub(crate) const VERIFY: &str = "/symbolon.v1.VerificationService/Verify";
pub(crate) const QUERY_AUDIT: &str = "/symbolon.v1.AuditService/Query";
pub(crate) const TAIL_AUDIT: &str = "/symbolon.v1.AuditService/Tail";
pub(crate) const CREATE_USER: &str = "/symbolon.v1.UserService/CreateUser";
pub(crate) const GET_USER: &str = "/symbolon.v1.UserService/GetUser";
pub(crate) const LIST_USERS: &str = "/symbolon.v1.UserService/ListUsers";
pub(crate) const ENROLL_TOKEN: &str = "/symbolon.v1.UserService/EnrollToken";
pub(crate) const UPDATE_USER: &str = "/symbolon.v1.UserService/UpdateUser";
pub(crate) const DELETE_USER: &str = "/symbolon.v1.UserService/DeleteUser";
pub(crate) const EXPORT_PERSONAL_DATA: &str = "/symbolon.v1.UserService/ExportPersonalData";
pub(crate) const BLOCK_USER: &str = "/symbolon.v1.UserService/BlockUser";
pub(crate) const UNBLOCK_USER: &str = "/symbolon.v1.UserService/UnblockUser";
pub(crate) const SET_PIN: &str = "/symbolon.v1.UserService/SetPin";
pub(crate) const GRANT_BYPASS: &str = "/symbolon.v1.UserService/GrantBypass";
pub(crate) const CANCEL_BYPASS: &str = "/symbolon.v1.UserService/CancelBypass";
pub(crate) const CREATE_RECOVERY_CODES: &str = "/symbolon.v1.UserService/CreateRecoveryCodes";
pub(crate) const CONFIRM_TOKEN: &str = "/symbolon.v1.UserService/ConfirmToken";
pub(crate) const RESYNC_TOKEN: &str = "/symbolon.v1.UserService/ResyncToken";
pub(crate) const REMOVE_TOKEN: &str = "/symbolon.v1.UserService/RemoveToken";
pub(crate) const IMPORT_TOKENS: &str = "/symbolon.v1.UserService/ImportTokens";
pub(crate) const IMPORT_USERS: &str = "/symbolon.v1.UserService/ImportUsers";
pub(crate) const CREATE_APPLICATION: &str = "/symbolon.v1.ApplicationService/CreateApplication";
pub(crate) const GET_STATUS: &str = "/symbolon.v1.ClusterService/GetStatus";
pub(crate) const CREATE_JOIN_TOKEN: &str = "/symbolon.v1.ClusterService/CreateJoinToken";
pub(crate) const ROTATE_DATA_KEY: &str = "/symbolon.v1.ClusterService/RotateDataKey";
pub(crate) const PROMOTE_SUBORDINATE: &str = "/symbolon.v1.ClusterService/PromoteSubordinate";
pub(crate) const REMOVE_NODE: &str = "/symbolon.v1.ClusterService/RemoveNode";
pub(crate) const RELEASE_RECOVERY_CODES: &str = "/symbolon.v1.ClusterService/ReleaseRecoveryCodes";
pub(crate) const DISCARD_EPOCH: &str = "/symbolon.v1.ClusterService/DiscardEpoch";
pub(crate) const ACKNOWLEDGE_DOUBLES: &str = "/symbolon.v1.ClusterService/AcknowledgeDoubles";
pub(crate) const CONFIRM_CLOCK: &str = "/symbolon.v1.ClusterService/ConfirmClock";
pub(crate) const LIST_QUARANTINES: &str = "/symbolon.v1.QuarantineService/ListQuarantines";
pub(crate) const SHOW_QUARANTINE: &str = "/symbolon.v1.QuarantineService/ShowQuarantine";
pub(crate) const REAPPLY_QUARANTINE: &str = "/symbolon.v1.QuarantineService/ReapplyQuarantine";
pub(crate) const DISCARD_QUARANTINE: &str = "/symbolon.v1.QuarantineService/DiscardQuarantine";
pub(crate) const GET_APPLICATION: &str = "/symbolon.v1.ApplicationService/GetApplication";
pub(crate) const LIST_APPLICATIONS: &str = "/symbolon.v1.ApplicationService/ListApplications";
pub(crate) const UPDATE_APPLICATION: &str = "/symbolon.v1.ApplicationService/UpdateApplication";
pub(crate) const ROTATE_APPLICATION_KEY: &str =
    "/symbolon.v1.ApplicationService/RotateApplicationKey";
pub(crate) const RETIRE_APPLICATION_KEY: &str =
    "/symbolon.v1.ApplicationService/RetireApplicationKey";
pub(crate) const DELETE_APPLICATION: &str = "/symbolon.v1.ApplicationService/DeleteApplication";
pub(crate) const SET_RADIUS_CLIENT: &str = "/symbolon.v1.ApplicationService/SetRadiusClient";
pub(crate) const GET_RADIUS_CLIENT: &str = "/symbolon.v1.ApplicationService/GetRadiusClient";
pub(crate) const REMOVE_RADIUS_CLIENT: &str = "/symbolon.v1.ApplicationService/RemoveRadiusClient";
pub(crate) const CREATE_ADMINISTRATOR: &str =
    "/symbolon.v1.AdministratorService/CreateAdministrator";
pub(crate) const GET_ADMINISTRATOR: &str = "/symbolon.v1.AdministratorService/GetAdministrator";
pub(crate) const LIST_ADMINISTRATORS: &str = "/symbolon.v1.AdministratorService/ListAdministrators";
pub(crate) const UPDATE_ADMINISTRATOR: &str =
    "/symbolon.v1.AdministratorService/UpdateAdministrator";
pub(crate) const ROTATE_ADMINISTRATOR_TOKEN: &str =
    "/symbolon.v1.AdministratorService/RotateAdministratorToken";
pub(crate) const DELETE_ADMINISTRATOR: &str =
    "/symbolon.v1.AdministratorService/DeleteAdministrator";
pub(crate) const GET_SETTINGS: &str = "/symbolon.v1.SettingsService/GetSettings";
pub(crate) const EXPLAIN: &str = "/symbolon.v1.SettingsService/Explain";
pub(crate) const UPDATE_SETTINGS: &str = "/symbolon.v1.SettingsService/UpdateSettings";
pub(crate) const APPLY_SETTINGS: &str = "/symbolon.v1.SettingsService/ApplySettings";
