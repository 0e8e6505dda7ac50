CREATE TABLE "audit_log" (
	"id" bigserial PRIMARY KEY NOT NULL,
	"at" timestamp with time zone DEFAULT now() NOT NULL,
	"actor" text NOT NULL,
	"action" text NOT NULL,
	"subject" text NOT NULL,
	"details" jsonb DEFAULT '{}'::jsonb NOT NULL
);
--> statement-breakpoint
CREATE TABLE "endpoint_retry_slots" (
	"endpoint_id" text NOT NULL,
	"slot" smallint NOT NULL,
	"delivery_id" text,
	"taken_until" timestamp with time zone,
	CONSTRAINT "endpoint_retry_slots_endpoint_id_slot_pk" PRIMARY KEY("endpoint_id","slot")
);
--> statement-breakpoint
CREATE TABLE "replays" (
	"id" text PRIMARY KEY NOT NULL,
	"endpoint_id" text NOT NULL,
	"from_at" timestamp with time zone NOT NULL,
	"to_at" timestamp with time zone NOT NULL,
	"event_types" text[] NOT NULL,
	"scope" text NOT NULL,
	"status" text DEFAULT 'running' NOT NULL,
	"cursor" text,
	"scanned" integer DEFAULT 0 NOT NULL,
	"queued" integer DEFAULT 0 NOT NULL,
	"created_at" timestamp with time zone DEFAULT now() NOT NULL,
	"updated_at" timestamp with time zone DEFAULT now() NOT NULL,
	"finished_at" timestamp with time zone
);
--> statement-breakpoint
ALTER TABLE "endpoints" DROP CONSTRAINT "endpoints_app_url";
--> statement-breakpoint
DROP INDEX "deliveries_sending";
--> statement-breakpoint
DROP INDEX "deliveries_to_hand_over";
--> statement-breakpoint
DROP INDEX "deliveries_pending";
--> statement-breakpoint
DROP INDEX "deliveries_handed_over";
--> statement-breakpoint
ALTER TABLE "dispatch_shards" ADD COLUMN "sleeping" boolean DEFAULT false NOT NULL;
--> statement-breakpoint
ALTER TABLE "endpoints" ADD COLUMN "previous_secret_sealed" text;
--> statement-breakpoint
ALTER TABLE "endpoints" ADD COLUMN "previous_secret_until" timestamp with time zone;
--> statement-breakpoint
ALTER TABLE "endpoints" ADD COLUMN "user_ids" text[];
--> statement-breakpoint
ALTER TABLE "endpoints" ADD COLUMN "fifo" boolean DEFAULT false NOT NULL;
--> statement-breakpoint
ALTER TABLE "endpoints" ADD COLUMN "rate_per_s" integer;
--> statement-breakpoint
ALTER TABLE "endpoints" ADD COLUMN "headers_sealed" text;
--> statement-breakpoint
ALTER TABLE "endpoints" ADD COLUMN "health" text DEFAULT 'healthy' NOT NULL;
--> statement-breakpoint
ALTER TABLE "endpoints" ADD COLUMN "consecutive_failures" integer DEFAULT 0 NOT NULL;
--> statement-breakpoint
ALTER TABLE "endpoints" ADD COLUMN "failing_since" timestamp with time zone;
--> statement-breakpoint
ALTER TABLE "endpoints" ADD COLUMN "probes" integer DEFAULT 0 NOT NULL;
--> statement-breakpoint
ALTER TABLE "endpoints" ADD COLUMN "next_probe_at" timestamp with time zone;
--> statement-breakpoint
ALTER TABLE "endpoints" ADD COLUMN "held_from" timestamp with time zone;
--> statement-breakpoint
ALTER TABLE "endpoints" ADD COLUMN "held_until" timestamp with time zone;
--> statement-breakpoint
ALTER TABLE "endpoints" ADD COLUMN "draining" boolean DEFAULT false NOT NULL;
--> statement-breakpoint
ALTER TABLE "endpoints" ADD COLUMN "handshake_at" timestamp with time zone;
--> statement-breakpoint
ALTER TABLE "endpoints" ADD COLUMN "updated_at" timestamp with time zone DEFAULT now() NOT NULL;
--> statement-breakpoint
ALTER TABLE "endpoints" ADD COLUMN "disabled_at" timestamp with time zone;
--> statement-breakpoint
ALTER TABLE "endpoints" ADD COLUMN "deleted_at" timestamp with time zone;
--> statement-breakpoint
ALTER TABLE "endpoint_retry_slots" ADD CONSTRAINT "endpoint_retry_slots_endpoint_id_endpoints_id_fk" FOREIGN KEY ("endpoint_id") REFERENCES "public"."endpoints"("id") ON DELETE no action ON UPDATE no action;
--> statement-breakpoint
ALTER TABLE "replays" ADD CONSTRAINT "replays_endpoint_id_endpoints_id_fk" FOREIGN KEY ("endpoint_id") REFERENCES "public"."endpoints"("id") ON DELETE no action ON UPDATE no action;
--> statement-breakpoint
CREATE INDEX "audit_log_subject_idx" ON "audit_log" USING btree ("subject","at");
--> statement-breakpoint
CREATE INDEX "replays_endpoint_idx" ON "replays" USING btree ("endpoint_id","id");
--> statement-breakpoint
CREATE UNIQUE INDEX "endpoints_app_url" ON "endpoints" USING btree ("app_id","url") WHERE deleted_at is null;
--> statement-breakpoint
-- Written by hand from here: drizzle cannot declare partitions. The three big tables are made anew, partitioned by the
-- UTC day inside the event's UUIDv7, and filled from the old ones.
CREATE FUNCTION id_day(id text) RETURNS date LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE AS $$
  SELECT (to_timestamp(('x0000' || substr(id, 5, 12))::bit(64)::bigint / 1000.0) AT TIME ZONE 'UTC')::date
$$
--> statement-breakpoint
-- The same delivery whenever it is made again; its time is that of the event, so both stand in the same partition.
CREATE FUNCTION delivery_id(event_id text, endpoint_id text) RETURNS text LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE AS $$
  SELECT 'whd_' || substr(event_id, 5, 13) || substr(h, 1, 3) || '8' || substr(h, 4, 15)
  FROM encode(sha256(convert_to(event_id || endpoint_id, 'UTF8')), 'hex') AS h
$$
--> statement-breakpoint
ALTER TABLE "attempts" RENAME TO "attempts_0000"
--> statement-breakpoint
ALTER TABLE "deliveries" RENAME TO "deliveries_0000"
--> statement-breakpoint
ALTER TABLE "events" RENAME TO "events_0000"
--> statement-breakpoint
ALTER TABLE "deliveries_0000" DROP CONSTRAINT "deliveries_once"
--> statement-breakpoint
CREATE TABLE "events" (
	"day" date NOT NULL,
	"id" text NOT NULL,
	"type" text NOT NULL,
	"app_id" text,
	"user_id" text,
	"integration_id" text,
	"provider" text,
	"stream" text,
	"seq" bigint,
	"record_count" integer DEFAULT 0 NOT NULL,
	"data" jsonb NOT NULL,
	"occurred_at" timestamp with time zone DEFAULT now() NOT NULL,
	"feed_seq" bigint,
	CONSTRAINT "events_day_id_pk" PRIMARY KEY("day","id")
) PARTITION BY RANGE ("day")
--> statement-breakpoint
CREATE TABLE "deliveries" (
	"day" date NOT NULL,
	"id" text NOT NULL,
	"event_id" text NOT NULL,
	"endpoint_id" text NOT NULL,
	"user_id" text,
	"seq" bigint,
	"status" text DEFAULT 'pending' NOT NULL,
	"attempts" integer DEFAULT 0 NOT NULL,
	"schedule_from" integer DEFAULT 0 NOT NULL,
	"queued_at" timestamp with time zone NOT NULL,
	"next_at" timestamp with time zone,
	"handed_over" boolean DEFAULT false NOT NULL,
	"counted" boolean NOT NULL,
	"late" boolean DEFAULT false NOT NULL,
	"created_at" timestamp with time zone DEFAULT now() NOT NULL,
	"first_attempt_at" timestamp with time zone,
	"delivered_at" timestamp with time zone,
	"completed_at" timestamp with time zone,
	CONSTRAINT "deliveries_day_id_pk" PRIMARY KEY("day","id"),
	CONSTRAINT "deliveries_once" UNIQUE("day","endpoint_id","event_id")
) PARTITION BY RANGE ("day")
--> statement-breakpoint
CREATE TABLE "attempts" (
	"day" date NOT NULL,
	"delivery_id" text NOT NULL,
	"number" integer NOT NULL,
	"started_at" timestamp with time zone NOT NULL,
	"duration_ms" integer NOT NULL,
	"status_code" integer,
	"error" text,
	"response_excerpt" text,
	CONSTRAINT "attempts_day_delivery_id_number_pk" PRIMARY KEY("day","delivery_id","number")
) PARTITION BY RANGE ("day")
--> statement-breakpoint
CREATE INDEX "events_feed" ON "events" USING btree ("feed_seq") WHERE feed_seq is not null
--> statement-breakpoint
CREATE INDEX "events_not_in_feed" ON "events" USING btree ("occurred_at","seq") WHERE feed_seq is null
--> statement-breakpoint
CREATE INDEX "deliveries_pending" ON "deliveries" USING btree ("endpoint_id","queued_at","seq","id") WHERE status = 'pending'
--> statement-breakpoint
CREATE INDEX "deliveries_retrying" ON "deliveries" USING btree ("endpoint_id","next_at") WHERE status = 'retrying'
--> statement-breakpoint
CREATE INDEX "deliveries_handed_over" ON "deliveries" USING btree ("next_at") WHERE handed_over
--> statement-breakpoint
CREATE INDEX "deliveries_not_sent" ON "deliveries" USING btree ("endpoint_id","event_id") WHERE status in ('failed', 'cancelled', 'paused')
--> statement-breakpoint
-- What no partition covers still has a place; `webhook_default_partition_rows` tells, and the maintenance moves it.
CREATE TABLE "events_default" PARTITION OF "events" DEFAULT
--> statement-breakpoint
CREATE TABLE "deliveries_default" PARTITION OF "deliveries" DEFAULT
--> statement-breakpoint
CREATE TABLE "attempts_default" PARTITION OF "attempts" DEFAULT
--> statement-breakpoint
DO $$
DECLARE
  first_day date := least((now() AT TIME ZONE 'UTC')::date - 1, (SELECT min(id_day(id)) FROM events_0000));
  d date;
  t text;
BEGIN
  FOR d IN SELECT generate_series(first_day, (now() AT TIME ZONE 'UTC')::date + 14, interval '1 day')::date LOOP
    FOREACH t IN ARRAY ARRAY['events', 'deliveries', 'attempts'] LOOP
      EXECUTE format('CREATE TABLE %I PARTITION OF %I FOR VALUES FROM (%L) TO (%L)',
        t || '_' || to_char(d, 'YYYYMMDD'), t, d, d + 1);
    END LOOP;
  END LOOP;
END $$
--> statement-breakpoint
INSERT INTO "events" (day, id, type, user_id, integration_id, provider, stream, seq, record_count, data, occurred_at)
SELECT id_day(id), id, type, user_id, integration_id, provider, stream, seq, record_count, data, occurred_at FROM events_0000
--> statement-breakpoint
INSERT INTO "deliveries" (day, id, event_id, endpoint_id, user_id, seq, status, attempts, queued_at, next_at, handed_over,
  counted, created_at, first_attempt_at, delivered_at, completed_at)
SELECT id_day(event_id), CASE WHEN id_day(id) = id_day(event_id) THEN id ELSE delivery_id(event_id, endpoint_id) END,
  event_id, endpoint_id, user_id, seq, CASE status WHEN 'sending' THEN 'pending' ELSE status END, attempts, created_at,
  next_at, handed_over AND status = 'retrying', true, created_at,
  (SELECT min(started_at) FROM attempts_0000 a WHERE a.delivery_id = d.id),
  CASE WHEN status = 'delivered' THEN completed_at END, completed_at
FROM deliveries_0000 d
--> statement-breakpoint
INSERT INTO "attempts" (day, delivery_id, number, started_at, duration_ms, status_code, error, response_excerpt)
SELECT id_day(d.event_id),
  CASE WHEN id_day(d.id) = id_day(d.event_id) THEN d.id ELSE delivery_id(d.event_id, d.endpoint_id) END,
  a.number, a.started_at, a.duration_ms, a.status_code, a.error, a.response_excerpt
FROM attempts_0000 a JOIN deliveries_0000 d ON d.id = a.delivery_id
--> statement-breakpoint
DROP TABLE "attempts_0000", "deliveries_0000", "events_0000"
--> statement-breakpoint
DELETE FROM "dispatch_shards"
--> statement-breakpoint
INSERT INTO "dispatch_shards" (shard) SELECT generate_series(0, 63)
--> statement-breakpoint
CREATE SEQUENCE "dispatch_epochs"
--> statement-breakpoint
CREATE SEQUENCE "event_feed"
