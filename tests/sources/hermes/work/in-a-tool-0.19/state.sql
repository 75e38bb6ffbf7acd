CREATE TABLE schema_version (
    version INTEGER NOT NULL
);
INSERT INTO schema_version (version) VALUES (22);
CREATE TABLE sessions (
    id TEXT PRIMARY KEY,
    source TEXT NOT NULL,
    user_id TEXT,
    session_key TEXT,
    chat_id TEXT,
    chat_type TEXT,
    thread_id TEXT,
    display_name TEXT,
    origin_json TEXT,
    expiry_finalized INTEGER DEFAULT 0,
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
    cwd TEXT,
    git_branch TEXT,
    git_repo_root TEXT,
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
    compression_failure_cooldown_until REAL,
    compression_failure_error TEXT,
    compression_fallback_streak INTEGER NOT NULL DEFAULT 0,
    profile_name TEXT,
    rewind_count INTEGER NOT NULL DEFAULT 0,
    archived INTEGER NOT NULL DEFAULT 0,
    FOREIGN KEY (parent_session_id) REFERENCES sessions(id)
);
INSERT INTO sessions (id, source, user_id, session_key, chat_id, chat_type, thread_id, display_name, origin_json, expiry_finalized, model, model_config, system_prompt, parent_session_id, started_at, ended_at, end_reason, message_count, tool_call_count, input_tokens, output_tokens, cache_read_tokens, cache_write_tokens, reasoning_tokens, cwd, git_branch, git_repo_root, billing_provider, billing_base_url, billing_mode, estimated_cost_usd, actual_cost_usd, cost_status, cost_source, pricing_version, title, api_call_count, handoff_state, handoff_platform, handoff_error, compression_failure_cooldown_until, compression_failure_error, compression_fallback_streak, profile_name, rewind_count, archived) VALUES ('20261121_030529_a6f086', 'cli', NULL, NULL, NULL, NULL, NULL, NULL, NULL, 0, 'fake-large', 'some model_config', 'some system_prompt', NULL, 1795230342.499862, NULL, NULL, 2, 0, 1200, 2, 0, 0, 0, 'some cwd', NULL, NULL, 'custom', 'some billing_base_url', NULL, 0.0, NULL, 'unknown', 'none', NULL, NULL, 1, NULL, NULL, NULL, NULL, NULL, 0, NULL, 0, 0);
INSERT INTO sessions (id, source, user_id, session_key, chat_id, chat_type, thread_id, display_name, origin_json, expiry_finalized, model, model_config, system_prompt, parent_session_id, started_at, ended_at, end_reason, message_count, tool_call_count, input_tokens, output_tokens, cache_read_tokens, cache_write_tokens, reasoning_tokens, cwd, git_branch, git_repo_root, billing_provider, billing_base_url, billing_mode, estimated_cost_usd, actual_cost_usd, cost_status, cost_source, pricing_version, title, api_call_count, handoff_state, handoff_platform, handoff_error, compression_failure_cooldown_until, compression_failure_error, compression_fallback_streak, profile_name, rewind_count, archived) VALUES ('20261121_030548_f44d21', 'cli', NULL, NULL, NULL, NULL, NULL, NULL, NULL, 0, 'fake-large', 'some model_config', 'some system_prompt', NULL, 1795230356.9033322, NULL, NULL, 4, 1, 2477, 4, 0, 0, 0, 'some cwd', NULL, NULL, 'custom', 'some billing_base_url', NULL, 0.0, NULL, 'unknown', 'none', NULL, NULL, 2, NULL, NULL, NULL, NULL, NULL, 0, NULL, 0, 0);
INSERT INTO sessions (id, source, user_id, session_key, chat_id, chat_type, thread_id, display_name, origin_json, expiry_finalized, model, model_config, system_prompt, parent_session_id, started_at, ended_at, end_reason, message_count, tool_call_count, input_tokens, output_tokens, cache_read_tokens, cache_write_tokens, reasoning_tokens, cwd, git_branch, git_repo_root, billing_provider, billing_base_url, billing_mode, estimated_cost_usd, actual_cost_usd, cost_status, cost_source, pricing_version, title, api_call_count, handoff_state, handoff_platform, handoff_error, compression_failure_cooldown_until, compression_failure_error, compression_fallback_streak, profile_name, rewind_count, archived) VALUES ('20261121_030603_b2185d', 'cli', NULL, NULL, NULL, NULL, NULL, NULL, NULL, 0, 'fake-large', 'some model_config', 'some system_prompt', NULL, 1795230373.9205735, NULL, NULL, 1, 0, 0, 0, 0, 0, 0, 'some cwd', NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, 0, NULL, NULL, NULL, NULL, NULL, 0, NULL, 0, 0);
INSERT INTO sessions (id, source, user_id, session_key, chat_id, chat_type, thread_id, display_name, origin_json, expiry_finalized, model, model_config, system_prompt, parent_session_id, started_at, ended_at, end_reason, message_count, tool_call_count, input_tokens, output_tokens, cache_read_tokens, cache_write_tokens, reasoning_tokens, cwd, git_branch, git_repo_root, billing_provider, billing_base_url, billing_mode, estimated_cost_usd, actual_cost_usd, cost_status, cost_source, pricing_version, title, api_call_count, handoff_state, handoff_platform, handoff_error, compression_failure_cooldown_until, compression_failure_error, compression_fallback_streak, profile_name, rewind_count, archived) VALUES ('20261121_030633_d7b36939', 'webhook', 'some user_id', 'some session_key', 'some chat_id', 'webhook', NULL, 'some display_name', 'some origin_json', 0, 'fake-large', 'some model_config', 'some system_prompt', NULL, 1795230393.8822434, 1795230404.91056, 'webhook_complete', 3, 0, 1122, 1, 0, 0, 0, NULL, NULL, NULL, 'custom', 'some billing_base_url', NULL, 0.0, NULL, 'unknown', 'none', NULL, 'some title', 1, NULL, NULL, NULL, NULL, NULL, 0, NULL, 0, 0);
INSERT INTO sessions (id, source, user_id, session_key, chat_id, chat_type, thread_id, display_name, origin_json, expiry_finalized, model, model_config, system_prompt, parent_session_id, started_at, ended_at, end_reason, message_count, tool_call_count, input_tokens, output_tokens, cache_read_tokens, cache_write_tokens, reasoning_tokens, cwd, git_branch, git_repo_root, billing_provider, billing_base_url, billing_mode, estimated_cost_usd, actual_cost_usd, cost_status, cost_source, pricing_version, title, api_call_count, handoff_state, handoff_platform, handoff_error, compression_failure_cooldown_until, compression_failure_error, compression_fallback_streak, profile_name, rewind_count, archived) VALUES ('20261121_030645_438145bf', 'webhook', 'some user_id', 'some session_key', 'some chat_id', 'webhook', NULL, 'some display_name', 'some origin_json', 0, 'fake-large', 'some model_config', 'some system_prompt', NULL, 1795230405.198162, 1795230406.6305115, 'webhook_complete', 2, 0, 0, 0, 0, 0, 0, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, 'some title', 0, NULL, NULL, NULL, NULL, NULL, 0, NULL, 0, 0);
INSERT INTO sessions (id, source, user_id, session_key, chat_id, chat_type, thread_id, display_name, origin_json, expiry_finalized, model, model_config, system_prompt, parent_session_id, started_at, ended_at, end_reason, message_count, tool_call_count, input_tokens, output_tokens, cache_read_tokens, cache_write_tokens, reasoning_tokens, cwd, git_branch, git_repo_root, billing_provider, billing_base_url, billing_mode, estimated_cost_usd, actual_cost_usd, cost_status, cost_source, pricing_version, title, api_call_count, handoff_state, handoff_platform, handoff_error, compression_failure_cooldown_until, compression_failure_error, compression_fallback_streak, profile_name, rewind_count, archived) VALUES ('cron_437c4bdec26c_20261121_030733', 'cron', NULL, NULL, NULL, NULL, NULL, NULL, NULL, 0, 'fake-large', 'some model_config', 'some system_prompt', NULL, 1795230457.3322773, 1795230458.5629845, 'cron_complete', 1, 0, 0, 0, 0, 0, 0, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, 'some title', 0, NULL, NULL, NULL, NULL, NULL, 0, NULL, 0, 0);
INSERT INTO sessions (id, source, user_id, session_key, chat_id, chat_type, thread_id, display_name, origin_json, expiry_finalized, model, model_config, system_prompt, parent_session_id, started_at, ended_at, end_reason, message_count, tool_call_count, input_tokens, output_tokens, cache_read_tokens, cache_write_tokens, reasoning_tokens, cwd, git_branch, git_repo_root, billing_provider, billing_base_url, billing_mode, estimated_cost_usd, actual_cost_usd, cost_status, cost_source, pricing_version, title, api_call_count, handoff_state, handoff_platform, handoff_error, compression_failure_cooldown_until, compression_failure_error, compression_fallback_streak, profile_name, rewind_count, archived) VALUES ('cron_2cfd7771e57c_20261121_030733', 'cron', NULL, NULL, NULL, NULL, NULL, NULL, NULL, 0, 'fake-large', 'some model_config', 'some system_prompt', NULL, 1795230457.390722, 1795230458.5056138, 'cron_complete', 2, 0, 1699, 5, 0, 0, 0, NULL, NULL, NULL, 'custom', 'some billing_base_url', NULL, 0.0, NULL, 'unknown', 'none', NULL, 'some title', 1, NULL, NULL, NULL, NULL, NULL, 0, NULL, 0, 0);
INSERT INTO sessions (id, source, user_id, session_key, chat_id, chat_type, thread_id, display_name, origin_json, expiry_finalized, model, model_config, system_prompt, parent_session_id, started_at, ended_at, end_reason, message_count, tool_call_count, input_tokens, output_tokens, cache_read_tokens, cache_write_tokens, reasoning_tokens, cwd, git_branch, git_repo_root, billing_provider, billing_base_url, billing_mode, estimated_cost_usd, actual_cost_usd, cost_status, cost_source, pricing_version, title, api_call_count, handoff_state, handoff_platform, handoff_error, compression_failure_cooldown_until, compression_failure_error, compression_fallback_streak, profile_name, rewind_count, archived) VALUES ('cron_7ae4ee9e33ab_20261121_030734', 'cron', NULL, NULL, NULL, NULL, NULL, NULL, NULL, 0, 'fake-large', 'some model_config', 'some system_prompt', NULL, 1795230457.434996, 1795230458.6169307, 'cron_complete', 2, 0, 1697, 3, 0, 0, 0, NULL, NULL, NULL, 'custom', 'some billing_base_url', NULL, 0.0, NULL, 'unknown', 'none', NULL, 'some title', 1, NULL, NULL, NULL, NULL, NULL, 0, NULL, 0, 0);
INSERT INTO sessions (id, source, user_id, session_key, chat_id, chat_type, thread_id, display_name, origin_json, expiry_finalized, model, model_config, system_prompt, parent_session_id, started_at, ended_at, end_reason, message_count, tool_call_count, input_tokens, output_tokens, cache_read_tokens, cache_write_tokens, reasoning_tokens, cwd, git_branch, git_repo_root, billing_provider, billing_base_url, billing_mode, estimated_cost_usd, actual_cost_usd, cost_status, cost_source, pricing_version, title, api_call_count, handoff_state, handoff_platform, handoff_error, compression_failure_cooldown_until, compression_failure_error, compression_fallback_streak, profile_name, rewind_count, archived) VALUES ('20261121_030826_3a3a0541', 'webhook', 'some user_id', 'some session_key', 'some chat_id', 'webhook', NULL, 'some display_name', 'some origin_json', 0, 'fake-large', 'some model_config', 'some system_prompt', NULL, 1795230506.6141207, NULL, NULL, 2, 1, 1131, 2, 0, 0, 0, NULL, NULL, NULL, 'custom', 'some billing_base_url', NULL, 0.0, NULL, 'unknown', 'none', NULL, NULL, 1, NULL, NULL, NULL, NULL, NULL, 0, NULL, 0, 0);
CREATE TABLE messages (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    session_id TEXT NOT NULL REFERENCES sessions(id),
    role TEXT NOT NULL,
    content TEXT,
    tool_call_id TEXT,
    tool_calls TEXT,
    tool_name TEXT,
    effect_disposition TEXT,
    timestamp REAL NOT NULL,
    token_count INTEGER,
    finish_reason TEXT,
    reasoning TEXT,
    reasoning_content TEXT,
    reasoning_details TEXT,
    codex_reasoning_items TEXT,
    codex_message_items TEXT,
    platform_message_id TEXT,
    observed INTEGER DEFAULT 0,
    active INTEGER NOT NULL DEFAULT 1,
    compacted INTEGER NOT NULL DEFAULT 0,
    api_content TEXT
);
INSERT INTO messages (id, session_id, role, content, tool_call_id, tool_calls, tool_name, effect_disposition, timestamp, token_count, finish_reason, reasoning, reasoning_content, reasoning_details, codex_reasoning_items, codex_message_items, platform_message_id, observed, active, compacted, api_content) VALUES (1, '20261121_030529_a6f086', 'user', 'some content', NULL, NULL, NULL, NULL, 1795230342.5076523, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, 0, 1, 0, NULL);
INSERT INTO messages (id, session_id, role, content, tool_call_id, tool_calls, tool_name, effect_disposition, timestamp, token_count, finish_reason, reasoning, reasoning_content, reasoning_details, codex_reasoning_items, codex_message_items, platform_message_id, observed, active, compacted, api_content) VALUES (2, '20261121_030529_a6f086', 'assistant', 'some content', NULL, NULL, NULL, NULL, 1795230344.0394223, NULL, 'stop', NULL, NULL, NULL, NULL, NULL, NULL, 0, 1, 0, NULL);
INSERT INTO messages (id, session_id, role, content, tool_call_id, tool_calls, tool_name, effect_disposition, timestamp, token_count, finish_reason, reasoning, reasoning_content, reasoning_details, codex_reasoning_items, codex_message_items, platform_message_id, observed, active, compacted, api_content) VALUES (3, '20261121_030548_f44d21', 'user', 'some content', NULL, NULL, NULL, NULL, 1795230356.9231431, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, 0, 1, 0, NULL);
INSERT INTO messages (id, session_id, role, content, tool_call_id, tool_calls, tool_name, effect_disposition, timestamp, token_count, finish_reason, reasoning, reasoning_content, reasoning_details, codex_reasoning_items, codex_message_items, platform_message_id, observed, active, compacted, api_content) VALUES (4, '20261121_030548_f44d21', 'assistant', 'some content', NULL, '[{"id": "call_2_0", "call_id": "call_2_0", "response_item_id": "fc_2_0", "type": "function", "function": {"name": "todo", "arguments": "{}"}}]', NULL, NULL, 1795230360.0717735, NULL, 'tool_calls', NULL, NULL, NULL, NULL, NULL, NULL, 0, 1, 0, NULL);
INSERT INTO messages (id, session_id, role, content, tool_call_id, tool_calls, tool_name, effect_disposition, timestamp, token_count, finish_reason, reasoning, reasoning_content, reasoning_details, codex_reasoning_items, codex_message_items, platform_message_id, observed, active, compacted, api_content) VALUES (5, '20261121_030548_f44d21', 'tool', 'some content', 'some tool_call_id', NULL, NULL, NULL, 1795230360.0861595, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, 0, 1, 0, NULL);
INSERT INTO messages (id, session_id, role, content, tool_call_id, tool_calls, tool_name, effect_disposition, timestamp, token_count, finish_reason, reasoning, reasoning_content, reasoning_details, codex_reasoning_items, codex_message_items, platform_message_id, observed, active, compacted, api_content) VALUES (6, '20261121_030548_f44d21', 'assistant', 'some content', NULL, NULL, NULL, NULL, 1795230360.094181, NULL, 'stop', NULL, NULL, NULL, NULL, NULL, NULL, 0, 1, 0, NULL);
INSERT INTO messages (id, session_id, role, content, tool_call_id, tool_calls, tool_name, effect_disposition, timestamp, token_count, finish_reason, reasoning, reasoning_content, reasoning_details, codex_reasoning_items, codex_message_items, platform_message_id, observed, active, compacted, api_content) VALUES (7, '20261121_030603_b2185d', 'user', 'some content', NULL, NULL, NULL, NULL, 1795230373.9265063, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, 0, 1, 0, NULL);
INSERT INTO messages (id, session_id, role, content, tool_call_id, tool_calls, tool_name, effect_disposition, timestamp, token_count, finish_reason, reasoning, reasoning_content, reasoning_details, codex_reasoning_items, codex_message_items, platform_message_id, observed, active, compacted, api_content) VALUES (8, '20261121_030633_d7b36939', 'user', 'some content', NULL, NULL, NULL, NULL, 1795230392.813729, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, 0, 1, 0, NULL);
INSERT INTO messages (id, session_id, role, content, tool_call_id, tool_calls, tool_name, effect_disposition, timestamp, token_count, finish_reason, reasoning, reasoning_content, reasoning_details, codex_reasoning_items, codex_message_items, platform_message_id, observed, active, compacted, api_content) VALUES (9, '20261121_030633_d7b36939', 'assistant', 'some content', NULL, NULL, NULL, NULL, 1795230404.7002425, NULL, 'stop', NULL, NULL, NULL, NULL, NULL, NULL, 0, 1, 0, NULL);
INSERT INTO messages (id, session_id, role, content, tool_call_id, tool_calls, tool_name, effect_disposition, timestamp, token_count, finish_reason, reasoning, reasoning_content, reasoning_details, codex_reasoning_items, codex_message_items, platform_message_id, observed, active, compacted, api_content) VALUES (10, '20261121_030633_d7b36939', 'session_meta', NULL, NULL, NULL, NULL, NULL, 1795230404.7361803, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, 0, 1, 0, NULL);
INSERT INTO messages (id, session_id, role, content, tool_call_id, tool_calls, tool_name, effect_disposition, timestamp, token_count, finish_reason, reasoning, reasoning_content, reasoning_details, codex_reasoning_items, codex_message_items, platform_message_id, observed, active, compacted, api_content) VALUES (11, '20261121_030645_438145bf', 'user', 'some content', NULL, NULL, NULL, NULL, 1795230405.147544, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, 0, 1, 0, NULL);
INSERT INTO messages (id, session_id, role, content, tool_call_id, tool_calls, tool_name, effect_disposition, timestamp, token_count, finish_reason, reasoning, reasoning_content, reasoning_details, codex_reasoning_items, codex_message_items, platform_message_id, observed, active, compacted, api_content) VALUES (12, '20261121_030645_438145bf', 'session_meta', NULL, NULL, NULL, NULL, NULL, 1795230406.4590638, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, 0, 1, 0, NULL);
INSERT INTO messages (id, session_id, role, content, tool_call_id, tool_calls, tool_name, effect_disposition, timestamp, token_count, finish_reason, reasoning, reasoning_content, reasoning_details, codex_reasoning_items, codex_message_items, platform_message_id, observed, active, compacted, api_content) VALUES (13, 'cron_437c4bdec26c_20261121_030733', 'user', 'some content', NULL, NULL, NULL, NULL, 1795230457.3553095, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, 0, 1, 0, NULL);
INSERT INTO messages (id, session_id, role, content, tool_call_id, tool_calls, tool_name, effect_disposition, timestamp, token_count, finish_reason, reasoning, reasoning_content, reasoning_details, codex_reasoning_items, codex_message_items, platform_message_id, observed, active, compacted, api_content) VALUES (14, 'cron_2cfd7771e57c_20261121_030733', 'user', 'some content', NULL, NULL, NULL, NULL, 1795230457.3994505, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, 0, 1, 0, NULL);
INSERT INTO messages (id, session_id, role, content, tool_call_id, tool_calls, tool_name, effect_disposition, timestamp, token_count, finish_reason, reasoning, reasoning_content, reasoning_details, codex_reasoning_items, codex_message_items, platform_message_id, observed, active, compacted, api_content) VALUES (15, 'cron_7ae4ee9e33ab_20261121_030734', 'user', 'some content', NULL, NULL, NULL, NULL, 1795230457.4642174, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, 0, 1, 0, NULL);
INSERT INTO messages (id, session_id, role, content, tool_call_id, tool_calls, tool_name, effect_disposition, timestamp, token_count, finish_reason, reasoning, reasoning_content, reasoning_details, codex_reasoning_items, codex_message_items, platform_message_id, observed, active, compacted, api_content) VALUES (16, 'cron_2cfd7771e57c_20261121_030733', 'assistant', 'some content', NULL, NULL, NULL, NULL, 1795230458.4424195, NULL, 'stop', NULL, NULL, NULL, NULL, NULL, NULL, 0, 1, 0, NULL);
INSERT INTO messages (id, session_id, role, content, tool_call_id, tool_calls, tool_name, effect_disposition, timestamp, token_count, finish_reason, reasoning, reasoning_content, reasoning_details, codex_reasoning_items, codex_message_items, platform_message_id, observed, active, compacted, api_content) VALUES (17, 'cron_7ae4ee9e33ab_20261121_030734', 'assistant', 'some content', NULL, NULL, NULL, NULL, 1795230458.555075, NULL, 'stop', NULL, NULL, NULL, NULL, NULL, NULL, 0, 1, 0, NULL);
INSERT INTO messages (id, session_id, role, content, tool_call_id, tool_calls, tool_name, effect_disposition, timestamp, token_count, finish_reason, reasoning, reasoning_content, reasoning_details, codex_reasoning_items, codex_message_items, platform_message_id, observed, active, compacted, api_content) VALUES (18, '20261121_030826_3a3a0541', 'user', 'some content', NULL, NULL, NULL, NULL, 1795230506.595928, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, 0, 1, 0, NULL);
INSERT INTO messages (id, session_id, role, content, tool_call_id, tool_calls, tool_name, effect_disposition, timestamp, token_count, finish_reason, reasoning, reasoning_content, reasoning_details, codex_reasoning_items, codex_message_items, platform_message_id, observed, active, compacted, api_content) VALUES (19, '20261121_030826_3a3a0541', 'assistant', 'some content', NULL, '[{"id": "call_12_0", "call_id": "call_12_0", "response_item_id": "fc_12_0", "type": "function", "function": {"name": "terminal", "arguments": "{\"command\": \"sleep 807669\"}"}}]', NULL, NULL, 1795230507.3705947, NULL, 'tool_calls', NULL, NULL, NULL, NULL, NULL, NULL, 0, 1, 0, NULL);
CREATE TABLE session_model_usage (
    session_id TEXT NOT NULL REFERENCES sessions(id) ON DELETE CASCADE,
    model TEXT NOT NULL,
    billing_provider TEXT NOT NULL DEFAULT '',
    billing_base_url TEXT NOT NULL DEFAULT '',
    billing_mode TEXT NOT NULL DEFAULT '',
    task TEXT NOT NULL DEFAULT '',
    api_call_count INTEGER NOT NULL DEFAULT 0,
    input_tokens INTEGER NOT NULL DEFAULT 0,
    output_tokens INTEGER NOT NULL DEFAULT 0,
    cache_read_tokens INTEGER NOT NULL DEFAULT 0,
    cache_write_tokens INTEGER NOT NULL DEFAULT 0,
    reasoning_tokens INTEGER NOT NULL DEFAULT 0,
    estimated_cost_usd REAL NOT NULL DEFAULT 0,
    actual_cost_usd REAL NOT NULL DEFAULT 0,
    cost_status TEXT,
    cost_source TEXT,
    first_seen REAL,
    last_seen REAL,
    PRIMARY KEY (session_id, model, billing_provider, billing_base_url, billing_mode, task)
);
INSERT INTO session_model_usage (session_id, model, billing_provider, billing_base_url, billing_mode, task, api_call_count, input_tokens, output_tokens, cache_read_tokens, cache_write_tokens, reasoning_tokens, estimated_cost_usd, actual_cost_usd, cost_status, cost_source, first_seen, last_seen) VALUES ('20261121_030529_a6f086', 'fake-large', 'custom', 'some billing_base_url', '', '', 1, 1200, 2, 0, 0, 0, 0.0, 0.0, 'unknown', 'none', 1795230344.0225108, 1795230344.0225108);
INSERT INTO session_model_usage (session_id, model, billing_provider, billing_base_url, billing_mode, task, api_call_count, input_tokens, output_tokens, cache_read_tokens, cache_write_tokens, reasoning_tokens, estimated_cost_usd, actual_cost_usd, cost_status, cost_source, first_seen, last_seen) VALUES ('20261121_030548_f44d21', 'fake-large', 'custom', 'some billing_base_url', '', '', 2, 2477, 4, 0, 0, 0, 0.0, 0.0, 'unknown', 'none', 1795230359.106599, 1795230360.0448563);
INSERT INTO session_model_usage (session_id, model, billing_provider, billing_base_url, billing_mode, task, api_call_count, input_tokens, output_tokens, cache_read_tokens, cache_write_tokens, reasoning_tokens, estimated_cost_usd, actual_cost_usd, cost_status, cost_source, first_seen, last_seen) VALUES ('20261121_030633_d7b36939', 'fake-large', 'custom', 'some billing_base_url', '', '', 1, 1122, 1, 0, 0, 0, 0.0, 0.0, 'unknown', 'none', 1795230404.6864662, 1795230404.6864662);
INSERT INTO session_model_usage (session_id, model, billing_provider, billing_base_url, billing_mode, task, api_call_count, input_tokens, output_tokens, cache_read_tokens, cache_write_tokens, reasoning_tokens, estimated_cost_usd, actual_cost_usd, cost_status, cost_source, first_seen, last_seen) VALUES ('20261121_030633_d7b36939', 'fake-large', 'auto', 'some billing_base_url', '', 'title_generation', 1, 103, 4, 0, 0, 0, 0.0, 0.0, NULL, NULL, 1795230404.994181, 1795230404.994181);
INSERT INTO session_model_usage (session_id, model, billing_provider, billing_base_url, billing_mode, task, api_call_count, input_tokens, output_tokens, cache_read_tokens, cache_write_tokens, reasoning_tokens, estimated_cost_usd, actual_cost_usd, cost_status, cost_source, first_seen, last_seen) VALUES ('20261121_030645_438145bf', 'fake-large', 'auto', 'some billing_base_url', '', 'title_generation', 1, 122, 4, 0, 0, 0, 0.0, 0.0, NULL, NULL, 1795230406.478158, 1795230406.478158);
INSERT INTO session_model_usage (session_id, model, billing_provider, billing_base_url, billing_mode, task, api_call_count, input_tokens, output_tokens, cache_read_tokens, cache_write_tokens, reasoning_tokens, estimated_cost_usd, actual_cost_usd, cost_status, cost_source, first_seen, last_seen) VALUES ('cron_2cfd7771e57c_20261121_030733', 'fake-large', 'custom', 'some billing_base_url', '', '', 1, 1699, 5, 0, 0, 0, 0.0, 0.0, 'unknown', 'none', 1795230458.3614242, 1795230458.3614242);
INSERT INTO session_model_usage (session_id, model, billing_provider, billing_base_url, billing_mode, task, api_call_count, input_tokens, output_tokens, cache_read_tokens, cache_write_tokens, reasoning_tokens, estimated_cost_usd, actual_cost_usd, cost_status, cost_source, first_seen, last_seen) VALUES ('cron_7ae4ee9e33ab_20261121_030734', 'fake-large', 'custom', 'some billing_base_url', '', '', 1, 1697, 3, 0, 0, 0, 0.0, 0.0, 'unknown', 'none', 1795230458.5320563, 1795230458.5320563);
INSERT INTO session_model_usage (session_id, model, billing_provider, billing_base_url, billing_mode, task, api_call_count, input_tokens, output_tokens, cache_read_tokens, cache_write_tokens, reasoning_tokens, estimated_cost_usd, actual_cost_usd, cost_status, cost_source, first_seen, last_seen) VALUES ('20261121_030826_3a3a0541', 'fake-large', 'custom', 'some billing_base_url', '', '', 1, 1131, 2, 0, 0, 0, 0.0, 0.0, 'unknown', 'none', 1795230507.368529, 1795230507.368529);
CREATE INDEX idx_sessions_source ON sessions(source);
CREATE INDEX idx_sessions_source_id ON sessions(source, id);
CREATE INDEX idx_sessions_parent ON sessions(parent_session_id);
CREATE INDEX idx_sessions_started ON sessions(started_at DESC);
CREATE INDEX idx_messages_session ON messages(session_id, timestamp);
CREATE INDEX idx_session_model_usage_session ON session_model_usage(session_id);
CREATE INDEX idx_session_model_usage_model ON session_model_usage(model);
CREATE INDEX idx_messages_platform_msg_id ON messages(session_id, platform_message_id) WHERE platform_message_id IS NOT NULL;
CREATE INDEX idx_messages_session_active ON messages(session_id, active, timestamp);
CREATE INDEX idx_messages_active_null ON messages(active) WHERE active IS NULL;
CREATE INDEX idx_sessions_session_key ON sessions(session_key, started_at DESC);
CREATE INDEX idx_sessions_gateway_peer ON sessions(source, user_id, chat_id, chat_type, thread_id, started_at DESC);
CREATE INDEX idx_sessions_handoff_state ON sessions(handoff_state, started_at);
