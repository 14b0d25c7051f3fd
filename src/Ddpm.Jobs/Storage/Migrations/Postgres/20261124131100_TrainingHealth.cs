using Microsoft.EntityFrameworkCore.Migrations;

#nullable disable

namespace Ddpm.Jobs.Storage.Migrations.Postgres
{
    /// <inheritdoc />
    public partial class TrainingHealth : Migration
    {
        /// <inheritdoc />
        protected override void Up(MigrationBuilder migrationBuilder)
        {
            migrationBuilder.AddColumn<double>(
                name: "EmaDistance",
                table: "TrainingRuns",
                type: "double precision",
                nullable: true);

            migrationBuilder.AddColumn<long>(
                name: "MemoryBytes",
                table: "TrainingRuns",
                type: "bigint",
                nullable: true);

            migrationBuilder.AddColumn<long>(
                name: "SkippedSteps",
                table: "TrainingRuns",
                type: "bigint",
                nullable: false,
                defaultValue: 0L);

            migrationBuilder.AddColumn<double>(
                name: "EmaDistance",
                table: "TrainingMetrics",
                type: "double precision",
                nullable: true);

            migrationBuilder.AddColumn<long>(
                name: "MemoryBytes",
                table: "TrainingMetrics",
                type: "bigint",
                nullable: true);

            migrationBuilder.AddColumn<long>(
                name: "SkippedSteps",
                table: "TrainingMetrics",
                type: "bigint",
                nullable: false,
                defaultValue: 0L);
        }

        /// <inheritdoc />
        protected override void Down(MigrationBuilder migrationBuilder)
        {
            migrationBuilder.DropColumn(
                name: "EmaDistance",
                table: "TrainingRuns");

            migrationBuilder.DropColumn(
                name: "MemoryBytes",
                table: "TrainingRuns");

            migrationBuilder.DropColumn(
                name: "SkippedSteps",
                table: "TrainingRuns");

            migrationBuilder.DropColumn(
                name: "EmaDistance",
                table: "TrainingMetrics");

            migrationBuilder.DropColumn(
                name: "MemoryBytes",
                table: "TrainingMetrics");

            migrationBuilder.DropColumn(
                name: "SkippedSteps",
                table: "TrainingMetrics");
        }
    }
}
