//! A real migration tool on a real database: Alembic on SQLite, run as the migration of a deploy.

use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

use crate::{Shop, support};

/// Two revisions: a table, and a column more.
const REVISIONS: [(&str, &str); 3] = [
    ("0001", "op.create_table('items', sa.Column('id', sa.Integer, primary_key=True))"),
    ("0002", "op.add_column('items', sa.Column('name', sa.String(40)))"),
    ("0003", "op.add_column('items', sa.Column('badge', sa.String(40)))"),
];

struct Database {
    python: PathBuf,
    dir: PathBuf,
}

impl Database {
    /// A project of Alembic and its database, at the second revision.
    fn new(dir: &Path) -> Self {
        let python = support::venv::python_with(&Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/schema/requirements.txt"))
            .unwrap_or_else(|why| panic!("{why}"));
        let versions = dir.join("migrations").join("versions");
        std::fs::create_dir_all(&versions).unwrap();
        let database = Self { python, dir: dir.to_owned() };
        std::fs::write(dir.join("alembic.ini"), format!("[alembic]\nscript_location = {}\n", dir.join("migrations").display())).unwrap();
        std::fs::write(dir.join("migrations").join("env.py"), database.environment()).unwrap();
        let mut before = "None".to_owned();
        for (revision, upgrade) in REVISIONS {
            let text = format!(
                "import sqlalchemy as sa\nfrom alembic import op\nrevision = '{revision}'\ndown_revision = {before}\n\n\ndef upgrade():\n    {upgrade}\n"
            );
            std::fs::write(versions.join(format!("{revision}.py")), text).unwrap();
            before = format!("'{revision}'");
        }
        database.alembic(&["upgrade", "0002"]);
        database
    }

    fn environment(&self) -> String {
        format!(
            "import logging\nimport sqlalchemy as sa\nfrom alembic import context\nlogging.basicConfig(level=logging.INFO)\nengine = sa.create_engine('sqlite:///{}')\n\
             with engine.connect() as connection:\n    context.configure(connection=connection)\n    with context.begin_transaction():\n        \
             context.run_migrations()\n    connection.commit()\n",
            self.file().display()
        )
    }

    fn file(&self) -> PathBuf {
        self.dir.join("shop.sqlite")
    }

    fn alembic(&self, args: &[&str]) {
        let output = Command::new(&self.python).args(["-m", "alembic", "-c"]).arg(self.dir.join("alembic.ini")).args(args).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    }

    fn columns(&self) -> Vec<String> {
        let connection = rusqlite::Connection::open(self.file()).unwrap();
        let mut names = connection.prepare("SELECT name FROM pragma_table_info('items')").unwrap();
        names.query_map([], |row| row.get(0)).unwrap().map(Result::unwrap).collect()
    }

    /// What goes into the fleet's section: the revision's number is the schema.
    fn lines(&self) -> String {
        let python = self.python.display();
        let asks = format!(
            "import sqlite3; print(int(sqlite3.connect('{}').execute('SELECT version_num FROM alembic_version').fetchone()[0]))",
            self.file().display()
        );
        let ini = self.dir.join("alembic.ini");
        format!(
            "schema = [\"{python}\", \"-c\", \"{asks}\"]\nmigration = [\"{python}\", \"-m\", \"alembic\", \"-c\", \"{}\", \"upgrade\", \"head\"]\n",
            ini.display()
        )
    }
}

#[test]
fn a_deploy_runs_a_real_migration_and_the_way_back_follows_from_what_it_left() {
    let shop = Shop::with("");
    let database = Database::new(&shop.path("shop"));
    shop.rewrite(&database.lines());
    assert_eq!(database.columns(), ["id", "name"]);
    let doctor = shop.yard.run(&["doctor", "web-prod"]).code(0);
    assert!(doctor.out.contains("2 is live; deploys migrate it before their first server"), "{}", doctor.out);

    // What runs names schema 2 as its newest: it cannot be gone back to.
    let op = shop.deploy_to_the_end("2.14.0");
    assert_eq!(op["state"], "succeeded", "{op:#}");
    assert_eq!(database.columns(), ["id", "name", "badge"]);
    let told = shop.yard.run(&["op", op["id"].as_str().unwrap()]).code(0);
    assert!(told.out.contains("Running upgrade 0002 -> 0003"), "{}", told.out);
    assert_eq!(shop.fleet()["way_back"]["level"], Value::Null);
    shop.yard.run(&["rollback", "web-prod", "--plan"]).refuses(3, &["schema 3 > max 2"]);

    // Somebody finds that it works with the new one after all.
    shop.tag("2.13.2", Some("1"), Some("3"));
    shop.yard.run(&["rollback", "web-prod", "--yes"]).code(0);
    assert_eq!(database.columns(), ["id", "name", "badge"], "no way back migrates");
}
