CREATE TABLE executions (
             id TEXT PRIMARY KEY,
             job_id TEXT NOT NULL,
             source TEXT NOT NULL,
             process_id TEXT NOT NULL,
             pid INTEGER NOT NULL,
             process_started_at INTEGER,
             status TEXT NOT NULL CHECK(status IN
               ('claimed','running','completed','failed','unknown')),
             claimed_at TEXT NOT NULL,
             started_at TEXT,
             finished_at TEXT,
             error TEXT
           );
INSERT INTO executions (id, job_id, source, process_id, pid, process_started_at, status, claimed_at, started_at, finished_at, error) VALUES ('f63c740997884fd7b4ab9a14facba8ba', '9dd6ef106478', 'builtin', '4a510ab04bbf4acc91342ee0948852d9', 19868, 655176, 'completed', '2026-11-21T03:07:33.512615+00:00', '2026-11-21T03:07:33.550264+00:00', '2026-11-21T03:07:33.674376+00:00', NULL);
INSERT INTO executions (id, job_id, source, process_id, pid, process_started_at, status, claimed_at, started_at, finished_at, error) VALUES ('0de13bac24234de8bd7b18bbeb090923', '05213bff7395', 'builtin', '4a510ab04bbf4acc91342ee0948852d9', 19868, 655176, 'failed', '2026-11-21T03:07:33.548810+00:00', '2026-11-21T03:07:33.566521+00:00', '2026-11-21T03:07:33.783078+00:00', 'some error');
INSERT INTO executions (id, job_id, source, process_id, pid, process_started_at, status, claimed_at, started_at, finished_at, error) VALUES ('252769b6fcf14e8d9e08bfc2339defad', '437c4bdec26c', 'builtin', '4a510ab04bbf4acc91342ee0948852d9', 19868, 655176, 'failed', '2026-11-21T03:07:33.566021+00:00', '2026-11-21T03:07:33.616725+00:00', '2026-11-21T03:07:38.615755+00:00', 'some error');
INSERT INTO executions (id, job_id, source, process_id, pid, process_started_at, status, claimed_at, started_at, finished_at, error) VALUES ('4c995212fb6a47b396a407684f622207', '2cfd7771e57c', 'builtin', '4a510ab04bbf4acc91342ee0948852d9', 19868, 655176, 'completed', '2026-11-21T03:07:33.600727+00:00', '2026-11-21T03:07:33.620113+00:00', '2026-11-21T03:07:38.690013+00:00', NULL);
INSERT INTO executions (id, job_id, source, process_id, pid, process_started_at, status, claimed_at, started_at, finished_at, error) VALUES ('517b7d0f02d64819a798828e2f1b7c39', '67a2e2885d8a', 'builtin', '4a510ab04bbf4acc91342ee0948852d9', 19868, 655176, 'completed', '2026-11-21T03:07:33.618706+00:00', '2026-11-21T03:07:33.710242+00:00', '2026-11-21T03:07:34.021994+00:00', NULL);
INSERT INTO executions (id, job_id, source, process_id, pid, process_started_at, status, claimed_at, started_at, finished_at, error) VALUES ('e665f8ff764f452f85dbe88c7250a201', '7ae4ee9e33ab', 'builtin', '4a510ab04bbf4acc91342ee0948852d9', 19868, 655176, 'completed', '2026-11-21T03:07:33.676248+00:00', '2026-11-21T03:07:33.819719+00:00', '2026-11-21T03:07:38.666231+00:00', NULL);
CREATE INDEX idx_executions_job_claimed ON executions(job_id, claimed_at DESC, id DESC);
CREATE INDEX idx_executions_status_claimed ON executions(status, claimed_at DESC, id DESC);
