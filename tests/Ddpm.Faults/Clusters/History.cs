using Npgsql;

namespace Ddpm.Faults.Clusters;

/// <summary>All that ever happened to the rows of a cluster, written by triggers of the database: what no process of the service can forget or embellish.</summary>
internal sealed class History(string connectionString)
{
    // A result is published under a key with the epoch of its attempt, but for an import's, which has an id of its own; the epoch that the job has at that moment stands beside it.
    private const string Triggers = """
        CREATE SCHEMA watch;
        CREATE TABLE watch.jobs (
            n bigserial PRIMARY KEY, at timestamptz NOT NULL DEFAULT clock_timestamp(), id uuid, kind text, before text, status text, before_epoch bigint, epoch bigint,
            before_owner text, owner text, late boolean, taken boolean, given_up boolean, steps_lost bigint);
        CREATE TABLE watch.results (
            n bigserial PRIMARY KEY, at timestamptz NOT NULL DEFAULT clock_timestamp(), job uuid, what text, key text, epoch bigint, status text);

        CREATE FUNCTION watch.job() RETURNS trigger LANGUAGE plpgsql AS $$
        DECLARE lost bigint; ended boolean; counted boolean; given_up boolean;
        BEGIN
            IF TG_OP = 'INSERT' THEN
                INSERT INTO watch.jobs (id, kind, status, epoch, late, taken, given_up) VALUES (NEW."Id", NEW."Kind", NEW."Status", NEW."LeaseEpoch", false, false, false);
                RETURN NULL;
            END IF;
            ended := OLD."Status" IN ('Succeeded', 'Failed', 'Cancelled');
            counted := NEW."LostLeases" > OLD."LostLeases";
            given_up := counted AND OLD."LeaseExpiresAt" = to_timestamp(0); -- by its worker itself
            IF OLD."Status" = 'Running' AND NEW."Status" = 'Queued' AND NEW."LostLeases" = OLD."LostLeases" AND NEW."Kind" = 'Training' THEN
                SELECT r."Step" - COALESCE((SELECT max(c."Step") FROM "Checkpoints" c WHERE c."TrainingRunId" = r."Id" AND c."Resumable"), 0) INTO lost
                FROM "TrainingRuns" r WHERE r."JobId" = NEW."Id";
            END IF;
            IF OLD."Status" <> NEW."Status" OR OLD."LeaseEpoch" <> NEW."LeaseEpoch" OR (ended AND OLD IS DISTINCT FROM NEW AND OLD."DispatchId" IS NOT DISTINCT FROM NEW."DispatchId") THEN
                INSERT INTO watch.jobs (id, kind, before, status, before_epoch, epoch, before_owner, owner, late, taken, given_up, steps_lost)
                VALUES (NEW."Id", NEW."Kind", OLD."Status", NEW."Status", OLD."LeaseEpoch", NEW."LeaseEpoch", OLD."Owner", NEW."Owner", ended, counted AND OLD."LeaseExpiresAt" > to_timestamp(0), COALESCE(given_up, false), lost);
            END IF;
            RETURN NULL;
        END $$;
        CREATE TRIGGER watch_job AFTER INSERT OR UPDATE ON "Jobs" FOR EACH ROW EXECUTE FUNCTION watch.job();

        CREATE FUNCTION watch.checkpoint() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN
            INSERT INTO watch.results (job, what, key, epoch, status)
            SELECT j."Id", 'checkpoint ' || NEW."Step", NEW."ArtifactKey", j."LeaseEpoch", j."Status"
            FROM "TrainingRuns" r JOIN "Jobs" j ON j."Id" = r."JobId" WHERE r."Id" = NEW."TrainingRunId";
            RETURN NULL;
        END $$;
        CREATE TRIGGER watch_checkpoint AFTER INSERT ON "Checkpoints" FOR EACH ROW EXECUTE FUNCTION watch.checkpoint();

        -- Of a row whose column is set: what it is called, and the column; one that is no key has an id.
        CREATE FUNCTION watch.result() RETURNS trigger LANGUAGE plpgsql AS $$
        DECLARE result text := to_jsonb(NEW) ->> TG_ARGV[1];
        BEGIN
            IF result IS DISTINCT FROM to_jsonb(OLD) ->> TG_ARGV[1] THEN
                INSERT INTO watch.results (job, what, key, epoch, status)
                SELECT j."Id", TG_ARGV[0], CASE WHEN TG_ARGV[1] LIKE '%Key' THEN result END, j."LeaseEpoch", j."Status" FROM "Jobs" j WHERE j."Id" = NEW."JobId";
            END IF;
            RETURN NULL;
        END $$;
        CREATE TRIGGER watch_sample AFTER UPDATE ON "SampleBatches" FOR EACH ROW EXECUTE FUNCTION watch.result('pictures', 'ArtifactKey');
        CREATE TRIGGER watch_evaluation AFTER UPDATE ON "Evaluations" FOR EACH ROW EXECUTE FUNCTION watch.result('evaluation', 'ArtifactKey');
        CREATE TRIGGER watch_dataset AFTER UPDATE ON "Datasets" FOR EACH ROW EXECUTE FUNCTION watch.result('dataset', 'CacheKey');
        CREATE TRIGGER watch_model AFTER UPDATE ON "Models" FOR EACH ROW EXECUTE FUNCTION watch.result('model', 'CheckpointId');
        """;

    /// <summary>Begins to watch. The tables of the service must be there.</summary>
    public async Task BeginAsync()
    {
        await using var connection = new NpgsqlConnection(connectionString);
        await connection.OpenAsync();
        await using var command = new NpgsqlCommand(Triggers, connection);
        await command.ExecuteNonQueryAsync();
    }

    /// <summary>Runs a query that gives one text a row; what the rows of a report, or of a list of violations, say.</summary>
    public Task<List<string>> TextsAsync(string sql) => RowsAsync(sql, row => row.GetString(0));

    /// <summary>Runs a query.</summary>
    /// <remarks>A database that is just being restarted is waited for.</remarks>
    public async Task<List<T>> RowsAsync<T>(string sql, Func<NpgsqlDataReader, T> read)
    {
        for (var attempt = 1; ; attempt++)
        {
            try
            {
                await using var connection = new NpgsqlConnection(connectionString);
                await connection.OpenAsync();
#pragma warning disable CA2100 // Written in this project.
                await using var command = new NpgsqlCommand(sql, connection);
#pragma warning restore CA2100
                await using var reader = await command.ExecuteReaderAsync();
                List<T> rows = [];
                while (await reader.ReadAsync())
                    rows.Add(read(reader));
                return rows;
            }
            catch (NpgsqlException trouble) when (trouble.IsTransient && attempt < 60)
            {
                await Task.Delay(TimeSpan.FromMilliseconds(500));
            }
        }
    }
}
