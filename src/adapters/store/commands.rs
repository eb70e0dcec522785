//! Commands: written by anybody, answered by the driver in the transaction that consumes them.

use rusqlite::{OptionalExtension, params};

use super::operations::{number, parse, to_json};
use super::{Store, StoreError};
use crate::domain::ids::OperationId;
use crate::operation::command::Command;

/// A driver's answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CommandAnswer {
    /// It is done, or was so already.
    pub accepted: bool,
    /// In words.
    pub text: String,
}

impl Store {
    /// Leaves a command for the driver of an operation; its number.
    ///
    /// # Errors
    /// The store cannot be written.
    pub fn send_command(&self, id: &OperationId, command: &Command) -> Result<u64, StoreError> {
        let body = to_json(command)?;
        self.write(|transaction| {
            transaction
                .execute("INSERT INTO commands (operation, body) VALUES (?1, ?2)", params![id.as_str(), body])
                .map_err(|error| self.sql(error))?;
            Ok(u64::try_from(transaction.last_insert_rowid()).unwrap_or(0))
        })
    }

    /// Commands nobody has answered yet, oldest first.
    ///
    /// # Errors
    /// The store cannot be read.
    pub fn pending_commands(&self, id: &OperationId) -> Result<Vec<Command>, StoreError> {
        let rows: Vec<(i64, String)> = self.read(|connection| {
            connection
                .prepare_cached("SELECT id, body FROM commands WHERE operation = ?1 AND accepted IS NULL ORDER BY id")?
                .query_map([id.as_str()], |row| Ok((row.get(0)?, row.get(1)?)))?
                .collect()
        })?;
        rows.into_iter().map(|(no, body)| Ok(Command { id: u64::try_from(no).unwrap_or(0), ..parse::<Command>(&body)? })).collect()
    }

    /// The answer to a command, once there is one.
    ///
    /// # Errors
    /// The store cannot be read.
    pub fn command_answer(&self, command: u64) -> Result<Option<CommandAnswer>, StoreError> {
        self.read(|connection| {
            connection
                .query_row("SELECT accepted, answer FROM commands WHERE id = ?1 AND accepted IS NOT NULL", [number(command)], |row| {
                    Ok(CommandAnswer { accepted: row.get(0)?, text: row.get(1)? })
                })
                .optional()
        })
    }

    /// Takes back a command nobody answered, so that no later driver executes it; false if it was answered after all.
    ///
    /// # Errors
    /// The store cannot be written.
    pub fn withdraw_command(&self, command: u64) -> Result<bool, StoreError> {
        let gone = CommandAnswer { accepted: false, text: "withdrawn: nobody answered".to_owned() };
        self.write(|transaction| put_answer(self, transaction, command, &gone))
    }
}

pub(super) fn put_answer(store: &Store, transaction: &rusqlite::Transaction<'_>, command: u64, answer: &CommandAnswer) -> Result<bool, StoreError> {
    transaction
        .execute(
            "UPDATE commands SET accepted = ?2, answer = ?3 WHERE id = ?1 AND accepted IS NULL",
            params![number(command), answer.accepted, answer.text],
        )
        .map(|changed| changed == 1)
        .map_err(|error| store.sql(error))
}
