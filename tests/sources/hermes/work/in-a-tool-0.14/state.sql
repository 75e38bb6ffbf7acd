CREATE TABLE schema_version (
    version INTEGER NOT NULL
);
INSERT INTO schema_version (version) VALUES (11);
CREATE TABLE sessions (
    id TEXT PRIMARY KEY,
    source TEXT NOT NULL,
    user_id TEXT,
    model TEXT,
    model_config TEXT,
    system_prompt TEXT,
    parent_session_id TEXT,
    started_at REAL NOT NULL,
    ended_at REAL,
    end_reason TEXT,
    message_count INTEGER DEFAULT 0,
    tool_call_count INTEGER DEFAULT 0,
    input_tokens INTEGER DEFAULT 0,
    output_tokens INTEGER DEFAULT 0,
    cache_read_tokens INTEGER DEFAULT 0,
    cache_write_tokens INTEGER DEFAULT 0,
    reasoning_tokens INTEGER DEFAULT 0,
    billing_provider TEXT,
    billing_base_url TEXT,
    billing_mode TEXT,
    estimated_cost_usd REAL,
    actual_cost_usd REAL,
    cost_status TEXT,
    cost_source TEXT,
    pricing_version TEXT,
    title TEXT,
    api_call_count INTEGER DEFAULT 0,
    handoff_state TEXT,
    handoff_platform TEXT,
    handoff_error TEXT,
    FOREIGN KEY (parent_session_id) REFERENCES sessions(id)
);
INSERT INTO sessions (id, source, user_id, model, model_config, system_prompt, parent_session_id, started_at, ended_at, end_reason, message_count, tool_call_count, input_tokens, output_tokens, cache_read_tokens, cache_write_tokens, reasoning_tokens, billing_provider, billing_base_url, billing_mode, estimated_cost_usd, actual_cost_usd, cost_status, cost_source, pricing_version, title, api_call_count, handoff_state, handoff_platform, handoff_error) VALUES ('20261121_030242_bad57e', 'cli', NULL, 'fake-large', 'some model_config', 'some system_prompt', NULL, 1795230165.5136113, NULL, NULL, 2, 0, 385, 2, 0, 0, 0, 'custom', 'some billing_base_url', NULL, 0.0, NULL, 'unknown', 'none', NULL, NULL, 1, NULL, NULL, NULL);
INSERT INTO sessions (id, source, user_id, model, model_config, system_prompt, parent_session_id, started_at, ended_at, end_reason, message_count, tool_call_count, input_tokens, output_tokens, cache_read_tokens, cache_write_tokens, reasoning_tokens, billing_provider, billing_base_url, billing_mode, estimated_cost_usd, actual_cost_usd, cost_status, cost_source, pricing_version, title, api_call_count, handoff_state, handoff_platform, handoff_error) VALUES ('20261121_030252_1c4404', 'cli', NULL, 'fake-large', 'some model_config', 'some system_prompt', NULL, 1795230173.1827977, NULL, NULL, 4, 1, 846, 4, 0, 0, 0, 'custom', 'some billing_base_url', NULL, 0.0, NULL, 'unknown', 'none', NULL, NULL, 2, NULL, NULL, NULL);
INSERT INTO sessions (id, source, user_id, model, model_config, system_prompt, parent_session_id, started_at, ended_at, end_reason, message_count, tool_call_count, input_tokens, output_tokens, cache_read_tokens, cache_write_tokens, reasoning_tokens, billing_provider, billing_base_url, billing_mode, estimated_cost_usd, actual_cost_usd, cost_status, cost_source, pricing_version, title, api_call_count, handoff_state, handoff_platform, handoff_error) VALUES ('20261121_030300_53961b', 'cli', NULL, 'fake-large', 'some model_config', 'some system_prompt', NULL, 1795230181.1348786, NULL, NULL, 1, 0, 0, 0, 0, 0, 0, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, 0, NULL, NULL, NULL);
INSERT INTO sessions (id, source, user_id, model, model_config, system_prompt, parent_session_id, started_at, ended_at, end_reason, message_count, tool_call_count, input_tokens, output_tokens, cache_read_tokens, cache_write_tokens, reasoning_tokens, billing_provider, billing_base_url, billing_mode, estimated_cost_usd, actual_cost_usd, cost_status, cost_source, pricing_version, title, api_call_count, handoff_state, handoff_platform, handoff_error) VALUES ('20261121_030317_9cbbfdc2', 'webhook', 'some user_id', 'fake-large', NULL, 'some system_prompt', NULL, 1795230197.0222359, NULL, NULL, 3, 0, 383, 1, 0, 0, 0, 'custom', 'some billing_base_url', NULL, 0.0, NULL, 'unknown', 'none', NULL, 'some title', 1, NULL, NULL, NULL);
INSERT INTO sessions (id, source, user_id, model, model_config, system_prompt, parent_session_id, started_at, ended_at, end_reason, message_count, tool_call_count, input_tokens, output_tokens, cache_read_tokens, cache_write_tokens, reasoning_tokens, billing_provider, billing_base_url, billing_mode, estimated_cost_usd, actual_cost_usd, cost_status, cost_source, pricing_version, title, api_call_count, handoff_state, handoff_platform, handoff_error) VALUES ('20261121_030330_e133b33b', 'webhook', 'some user_id', NULL, NULL, 'some system_prompt', NULL, 1795230210.1941683, NULL, NULL, 2, 0, 0, 0, 0, 0, 0, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, 0, NULL, NULL, NULL);
INSERT INTO sessions (id, source, user_id, model, model_config, system_prompt, parent_session_id, started_at, ended_at, end_reason, message_count, tool_call_count, input_tokens, output_tokens, cache_read_tokens, cache_write_tokens, reasoning_tokens, billing_provider, billing_base_url, billing_mode, estimated_cost_usd, actual_cost_usd, cost_status, cost_source, pricing_version, title, api_call_count, handoff_state, handoff_platform, handoff_error) VALUES ('cron_73ea43f275f6_20261121_030419', 'cron', NULL, 'fake-large', 'some model_config', 'some system_prompt', NULL, 1795230263.0549338, 1795230263.4587913, 'cron_complete', 2, 0, 1002, 5, 0, 0, 0, 'custom', 'some billing_base_url', NULL, 0.0, NULL, 'unknown', 'none', NULL, NULL, 1, NULL, NULL, NULL);
INSERT INTO sessions (id, source, user_id, model, model_config, system_prompt, parent_session_id, started_at, ended_at, end_reason, message_count, tool_call_count, input_tokens, output_tokens, cache_read_tokens, cache_write_tokens, reasoning_tokens, billing_provider, billing_base_url, billing_mode, estimated_cost_usd, actual_cost_usd, cost_status, cost_source, pricing_version, title, api_call_count, handoff_state, handoff_platform, handoff_error) VALUES ('cron_511c48290369_20261121_030419', 'cron', NULL, 'fake-large', 'some model_config', 'some system_prompt', NULL, 1795230263.6022873, 1795230263.8439126, 'cron_complete', 1, 0, 0, 0, 0, 0, 0, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, 0, NULL, NULL, NULL);
INSERT INTO sessions (id, source, user_id, model, model_config, system_prompt, parent_session_id, started_at, ended_at, end_reason, message_count, tool_call_count, input_tokens, output_tokens, cache_read_tokens, cache_write_tokens, reasoning_tokens, billing_provider, billing_base_url, billing_mode, estimated_cost_usd, actual_cost_usd, cost_status, cost_source, pricing_version, title, api_call_count, handoff_state, handoff_platform, handoff_error) VALUES ('cron_be68bec9fa25_20261121_030419', 'cron', NULL, 'fake-large', 'some model_config', 'some system_prompt', NULL, 1795230263.7037225, 1795230263.883548, 'cron_complete', 2, 0, 1000, 3, 0, 0, 0, 'custom', 'some billing_base_url', NULL, 0.0, NULL, 'unknown', 'none', NULL, NULL, 1, NULL, NULL, NULL);
INSERT INTO sessions (id, source, user_id, model, model_config, system_prompt, parent_session_id, started_at, ended_at, end_reason, message_count, tool_call_count, input_tokens, output_tokens, cache_read_tokens, cache_write_tokens, reasoning_tokens, billing_provider, billing_base_url, billing_mode, estimated_cost_usd, actual_cost_usd, cost_status, cost_source, pricing_version, title, api_call_count, handoff_state, handoff_platform, handoff_error) VALUES ('20261121_030511_ad940318', 'webhook', 'some user_id', 'fake-large', NULL, 'some system_prompt', NULL, 1795230311.6302645, NULL, NULL, 0, 0, 393, 2, 0, 0, 0, 'custom', 'some billing_base_url', NULL, 0.0, NULL, 'unknown', 'none', NULL, NULL, 1, NULL, NULL, NULL);
CREATE TABLE messages (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    session_id TEXT NOT NULL REFERENCES sessions(id),
    role TEXT NOT NULL,
    content TEXT,
    tool_call_id TEXT,
    tool_calls TEXT,
    tool_name TEXT,
    timestamp REAL NOT NULL,
    token_count INTEGER,
    finish_reason TEXT,
    reasoning TEXT,
    reasoning_content TEXT,
    reasoning_details TEXT,
    codex_reasoning_items TEXT,
    codex_message_items TEXT
);
INSERT INTO messages (id, session_id, role, content, tool_call_id, tool_calls, tool_name, timestamp, token_count, finish_reason, reasoning, reasoning_content, reasoning_details, codex_reasoning_items, codex_message_items) VALUES (1, '20261121_030242_bad57e', 'user', 'some content', NULL, NULL, NULL, 1795230166.5142534, NULL, NULL, NULL, NULL, NULL, NULL, NULL);
INSERT INTO messages (id, session_id, role, content, tool_call_id, tool_calls, tool_name, timestamp, token_count, finish_reason, reasoning, reasoning_content, reasoning_details, codex_reasoning_items, codex_message_items) VALUES (2, '20261121_030242_bad57e', 'assistant', 'some content', NULL, NULL, NULL, 1795230166.51636, NULL, 'stop', NULL, NULL, NULL, NULL, NULL);
INSERT INTO messages (id, session_id, role, content, tool_call_id, tool_calls, tool_name, timestamp, token_count, finish_reason, reasoning, reasoning_content, reasoning_details, codex_reasoning_items, codex_message_items) VALUES (3, '20261121_030252_1c4404', 'user', 'some content', NULL, NULL, NULL, 1795230174.5840561, NULL, NULL, NULL, NULL, NULL, NULL, NULL);
INSERT INTO messages (id, session_id, role, content, tool_call_id, tool_calls, tool_name, timestamp, token_count, finish_reason, reasoning, reasoning_content, reasoning_details, codex_reasoning_items, codex_message_items) VALUES (4, '20261121_030252_1c4404', 'assistant', 'some content', NULL, '[{"id": "call_2_0", "call_id": "call_2_0", "response_item_id": "fc_2_0", "type": "function", "function": {"name": "todo", "arguments": "{}"}}]', NULL, 1795230174.5848417, NULL, 'tool_calls', NULL, NULL, NULL, NULL, NULL);
INSERT INTO messages (id, session_id, role, content, tool_call_id, tool_calls, tool_name, timestamp, token_count, finish_reason, reasoning, reasoning_content, reasoning_details, codex_reasoning_items, codex_message_items) VALUES (5, '20261121_030252_1c4404', 'tool', 'some content', 'some tool_call_id', NULL, NULL, 1795230174.585318, NULL, NULL, NULL, NULL, NULL, NULL, NULL);
INSERT INTO messages (id, session_id, role, content, tool_call_id, tool_calls, tool_name, timestamp, token_count, finish_reason, reasoning, reasoning_content, reasoning_details, codex_reasoning_items, codex_message_items) VALUES (6, '20261121_030252_1c4404', 'assistant', 'some content', NULL, NULL, NULL, 1795230174.5856884, NULL, 'stop', NULL, NULL, NULL, NULL, NULL);
INSERT INTO messages (id, session_id, role, content, tool_call_id, tool_calls, tool_name, timestamp, token_count, finish_reason, reasoning, reasoning_content, reasoning_details, codex_reasoning_items, codex_message_items) VALUES (7, '20261121_030300_53961b', 'user', 'some content', NULL, NULL, NULL, 1795230182.0902088, NULL, NULL, NULL, NULL, NULL, NULL, NULL);
INSERT INTO messages (id, session_id, role, content, tool_call_id, tool_calls, tool_name, timestamp, token_count, finish_reason, reasoning, reasoning_content, reasoning_details, codex_reasoning_items, codex_message_items) VALUES (8, '20261121_030317_9cbbfdc2', 'user', 'some content', NULL, NULL, NULL, 1795230204.922227, NULL, NULL, NULL, NULL, NULL, NULL, NULL);
INSERT INTO messages (id, session_id, role, content, tool_call_id, tool_calls, tool_name, timestamp, token_count, finish_reason, reasoning, reasoning_content, reasoning_details, codex_reasoning_items, codex_message_items) VALUES (9, '20261121_030317_9cbbfdc2', 'assistant', 'some content', NULL, NULL, NULL, 1795230204.9246397, NULL, 'stop', NULL, NULL, NULL, NULL, NULL);
INSERT INTO messages (id, session_id, role, content, tool_call_id, tool_calls, tool_name, timestamp, token_count, finish_reason, reasoning, reasoning_content, reasoning_details, codex_reasoning_items, codex_message_items) VALUES (10, '20261121_030317_9cbbfdc2', 'session_meta', NULL, NULL, NULL, NULL, 1795230209.942739, NULL, NULL, NULL, NULL, NULL, NULL, NULL);
INSERT INTO messages (id, session_id, role, content, tool_call_id, tool_calls, tool_name, timestamp, token_count, finish_reason, reasoning, reasoning_content, reasoning_details, codex_reasoning_items, codex_message_items) VALUES (11, '20261121_030330_e133b33b', 'user', 'some content', NULL, NULL, NULL, 1795230211.4988098, NULL, NULL, NULL, NULL, NULL, NULL, NULL);
INSERT INTO messages (id, session_id, role, content, tool_call_id, tool_calls, tool_name, timestamp, token_count, finish_reason, reasoning, reasoning_content, reasoning_details, codex_reasoning_items, codex_message_items) VALUES (12, '20261121_030330_e133b33b', 'session_meta', NULL, NULL, NULL, NULL, 1795230216.5165977, NULL, NULL, NULL, NULL, NULL, NULL, NULL);
INSERT INTO messages (id, session_id, role, content, tool_call_id, tool_calls, tool_name, timestamp, token_count, finish_reason, reasoning, reasoning_content, reasoning_details, codex_reasoning_items, codex_message_items) VALUES (13, 'cron_73ea43f275f6_20261121_030419', 'user', 'some content', NULL, NULL, NULL, 1795230263.438503, NULL, NULL, NULL, NULL, NULL, NULL, NULL);
INSERT INTO messages (id, session_id, role, content, tool_call_id, tool_calls, tool_name, timestamp, token_count, finish_reason, reasoning, reasoning_content, reasoning_details, codex_reasoning_items, codex_message_items) VALUES (14, 'cron_73ea43f275f6_20261121_030419', 'assistant', 'some content', NULL, NULL, NULL, 1795230263.4425082, NULL, 'stop', NULL, NULL, NULL, NULL, NULL);
INSERT INTO messages (id, session_id, role, content, tool_call_id, tool_calls, tool_name, timestamp, token_count, finish_reason, reasoning, reasoning_content, reasoning_details, codex_reasoning_items, codex_message_items) VALUES (15, 'cron_511c48290369_20261121_030419', 'user', 'some content', NULL, NULL, NULL, 1795230263.8302913, NULL, NULL, NULL, NULL, NULL, NULL, NULL);
INSERT INTO messages (id, session_id, role, content, tool_call_id, tool_calls, tool_name, timestamp, token_count, finish_reason, reasoning, reasoning_content, reasoning_details, codex_reasoning_items, codex_message_items) VALUES (16, 'cron_be68bec9fa25_20261121_030419', 'user', 'some content', NULL, NULL, NULL, 1795230263.8735237, NULL, NULL, NULL, NULL, NULL, NULL, NULL);
INSERT INTO messages (id, session_id, role, content, tool_call_id, tool_calls, tool_name, timestamp, token_count, finish_reason, reasoning, reasoning_content, reasoning_details, codex_reasoning_items, codex_message_items) VALUES (17, 'cron_be68bec9fa25_20261121_030419', 'assistant', 'some content', NULL, NULL, NULL, 1795230263.8762863, NULL, 'stop', NULL, NULL, NULL, NULL, NULL);
CREATE INDEX idx_sessions_source ON sessions(source);
CREATE INDEX idx_sessions_parent ON sessions(parent_session_id);
CREATE INDEX idx_sessions_started ON sessions(started_at DESC);
CREATE INDEX idx_messages_session ON messages(session_id, timestamp);
