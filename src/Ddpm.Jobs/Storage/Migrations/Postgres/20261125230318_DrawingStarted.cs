using System;
using Microsoft.EntityFrameworkCore.Migrations;

#nullable disable

namespace Ddpm.Jobs.Storage.Migrations.Postgres
{
    /// <inheritdoc />
    public partial class DrawingStarted : Migration
    {
        /// <inheritdoc />
        protected override void Up(MigrationBuilder migrationBuilder)
        {
            migrationBuilder.AddColumn<DateTime>(
                name: "DrawingStartedAt",
                table: "SampleBatches",
                type: "timestamp with time zone",
                nullable: true);
        }

        /// <inheritdoc />
        protected override void Down(MigrationBuilder migrationBuilder)
        {
            migrationBuilder.DropColumn(
                name: "DrawingStartedAt",
                table: "SampleBatches");
        }
    }
}
