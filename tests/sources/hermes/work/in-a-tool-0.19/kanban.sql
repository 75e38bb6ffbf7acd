CREATE TABLE tasks (
    id                   TEXT PRIMARY KEY,
    title                TEXT NOT NULL,
    body                 TEXT,
    assignee             TEXT,
    status               TEXT NOT NULL,
    priority             INTEGER DEFAULT 0,
    created_by           TEXT,
    created_at           INTEGER NOT NULL,
    started_at           INTEGER,
    completed_at         INTEGER,
    workspace_kind       TEXT NOT NULL DEFAULT 'scratch',
    workspace_path       TEXT,
    branch_name          TEXT,
    
    
    
    project_id           TEXT,
    claim_lock           TEXT,
    claim_expires        INTEGER,
    tenant               TEXT,
    result               TEXT,
    idempotency_key      TEXT,
    
    
    
    
    consecutive_failures INTEGER NOT NULL DEFAULT 0,
    worker_pid           INTEGER,
    
    last_failure_error   TEXT,
    max_runtime_seconds  INTEGER,
    last_heartbeat_at    INTEGER,
    
    
    current_run_id       INTEGER,
    
    
    
    workflow_template_id TEXT,
    current_step_key     TEXT,
    
    
    skills               TEXT,
    
    
    
    model_override       TEXT,
    
    
    
    
    
    max_retries          INTEGER,
    
    
    
    
    
    
    goal_mode            INTEGER NOT NULL DEFAULT 0,
    
    
    goal_max_turns       INTEGER,
    
    
    
    
    
    session_id           TEXT,
    
    
    
    
    
    block_kind           TEXT,
    
    
    
    
    
    
    block_recurrences    INTEGER NOT NULL DEFAULT 0
);
INSERT INTO tasks (id, title, body, assignee, status, priority, created_by, created_at, started_at, completed_at, workspace_kind, workspace_path, branch_name, project_id, claim_lock, claim_expires, tenant, result, idempotency_key, consecutive_failures, worker_pid, last_failure_error, max_runtime_seconds, last_heartbeat_at, current_run_id, workflow_template_id, current_step_key, skills, model_override, max_retries, goal_mode, goal_max_turns, session_id, block_kind, block_recurrences) VALUES ('t_f37531f3', 'some title', NULL, NULL, 'blocked', 0, 'user', 1795230383, NULL, NULL, 'scratch', NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, 0, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, 0, NULL, NULL, NULL, 1);
INSERT INTO tasks (id, title, body, assignee, status, priority, created_by, created_at, started_at, completed_at, workspace_kind, workspace_path, branch_name, project_id, claim_lock, claim_expires, tenant, result, idempotency_key, consecutive_failures, worker_pid, last_failure_error, max_runtime_seconds, last_heartbeat_at, current_run_id, workflow_template_id, current_step_key, skills, model_override, max_retries, goal_mode, goal_max_turns, session_id, block_kind, block_recurrences) VALUES ('t_2bd25ab7', 'some title', NULL, NULL, 'ready', 0, 'user', 1795230385, NULL, NULL, 'scratch', NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, 0, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, 0, NULL, NULL, NULL, 0);
CREATE TABLE task_events (
    id         INTEGER PRIMARY KEY AUTOINCREMENT,
    task_id    TEXT NOT NULL,
    run_id     INTEGER,
    kind       TEXT NOT NULL,
    payload    TEXT,
    created_at INTEGER NOT NULL
);
INSERT INTO task_events (id, task_id, run_id, kind, payload, created_at) VALUES (1, 't_f37531f3', NULL, 'created', '{"assignee": null, "status": "ready", "parents": [], "tenant": null, "branch_name": null, "skills": null, "goal_mode": null}', 1795230383);
INSERT INTO task_events (id, task_id, run_id, kind, payload, created_at) VALUES (2, 't_2bd25ab7', NULL, 'created', '{"assignee": null, "status": "ready", "parents": [], "tenant": null, "branch_name": null, "skills": null, "goal_mode": null}', 1795230385);
INSERT INTO task_events (id, task_id, run_id, kind, payload, created_at) VALUES (3, 't_f37531f3', NULL, 'commented', '{"author": "default", "len": 16}', 1795230388);
INSERT INTO task_events (id, task_id, run_id, kind, payload, created_at) VALUES (4, 't_f37531f3', 1, 'blocked', '{"reason": "because", "kind": null, "recurrences": 1}', 1795230388);
CREATE INDEX idx_tasks_assignee_status ON tasks(assignee, status);
CREATE INDEX idx_tasks_status ON tasks(status);
CREATE INDEX idx_events_task ON task_events(task_id, created_at);
CREATE INDEX idx_tasks_tenant ON tasks(tenant);
CREATE INDEX idx_tasks_idempotency ON tasks(idempotency_key);
CREATE INDEX idx_tasks_session_id ON tasks(session_id);
CREATE INDEX idx_events_run ON task_events(run_id, id);
