-- Made when the table is loaded. The first two also answer the filters and the marks without a look at the table.

CREATE INDEX run_of_job ON run (job, started_at DESC, run_id DESC, outcome, duration_seconds);
CREATE INDEX run_newest ON run (started_at DESC, run_id DESC, outcome);
CREATE INDEX run_without_end ON run (job) WHERE outcome IS NULL;
CREATE INDEX run_of_slot ON run (job, scheduled_at) WHERE scheduled_at IS NOT NULL;
CREATE INDEX event_of_job ON event (job, event, at);
CREATE INDEX event_of_kind ON event (event, at);
CREATE INDEX run_of_day ON run (day);
