using Microsoft.EntityFrameworkCore.Migrations;

#nullable disable

namespace Ddpm.Jobs.Storage.Migrations.Sqlite
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
                type: "REAL",
                nullable: true);

            migrationBuilder.AddColumn<long>(
                name: "MemoryBytes",
                table: "TrainingRuns",
                type: "INTEGER",
                nullable: true);

            migrationBuilder.AddColumn<long>(
                name: "SkippedSteps",
                table: "TrainingRuns",
                type: "INTEGER",
                nullable: false,
                defaultValue: 0L);

            migrationBuilder.AddColumn<double>(
                name: "EmaDistance",
                table: "TrainingMetrics",
                type: "REAL",
                nullable: true);

            migrationBuilder.AddColumn<long>(
                name: "MemoryBytes",
                table: "TrainingMetrics",
                type: "INTEGER",
                nullable: true);

            migrationBuilder.AddColumn<long>(
                name: "SkippedSteps",
                table: "TrainingMetrics",
                type: "INTEGER",
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
