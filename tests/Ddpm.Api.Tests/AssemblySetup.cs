using Ddpm.TestSupport;

[assembly: AssemblyFixture(typeof(PostgresFixture))]
