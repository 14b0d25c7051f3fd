using System;
using Microsoft.EntityFrameworkCore.Migrations;

#nullable disable

namespace Ddpm.Jobs.Storage.Migrations.Postgres
{
    /// <inheritdoc />
    public partial class Accounts : Migration
    {
        /// <inheritdoc />
        protected override void Up(MigrationBuilder migrationBuilder)
        {
            migrationBuilder.AddColumn<string>(
                name: "Account",
                table: "Models",
                type: "character varying(64)",
                maxLength: 64,
                nullable: false,
                defaultValue: "local");

            migrationBuilder.AddColumn<string>(
                name: "Account",
                table: "Jobs",
                type: "character varying(64)",
                maxLength: 64,
                nullable: false,
                defaultValue: "local");

            migrationBuilder.AddColumn<string>(
                name: "Account",
                table: "Checkpoints",
                type: "character varying(64)",
                maxLength: 64,
                nullable: false,
                defaultValue: "local");

            migrationBuilder.CreateTable(
                name: "ApiKeys",
                columns: table => new
                {
                    Id = table.Column<Guid>(type: "uuid", nullable: false),
                    Account = table.Column<string>(type: "character varying(64)", maxLength: 64, nullable: false),
                    Role = table.Column<string>(type: "character varying(32)", maxLength: 32, nullable: false),
                    Prefix = table.Column<string>(type: "character varying(16)", maxLength: 16, nullable: false),
                    Sha256 = table.Column<string>(type: "character varying(64)", maxLength: 64, nullable: false),
                    CreatedAt = table.Column<DateTime>(type: "timestamp with time zone", nullable: false),
                    ExpiresAt = table.Column<DateTime>(type: "timestamp with time zone", nullable: true),
                    LastUsedAt = table.Column<DateTime>(type: "timestamp with time zone", nullable: true),
                    RevokedAt = table.Column<DateTime>(type: "timestamp with time zone", nullable: true)
                },
                constraints: table =>
                {
                    table.PrimaryKey("PK_ApiKeys", x => x.Id);
                });

            migrationBuilder.CreateIndex(
                name: "IX_Jobs_Account_Status",
                table: "Jobs",
                columns: new[] { "Account", "Status" });

            migrationBuilder.CreateIndex(
                name: "IX_ApiKeys_Sha256",
                table: "ApiKeys",
                column: "Sha256",
                unique: true);
        }

        /// <inheritdoc />
        protected override void Down(MigrationBuilder migrationBuilder)
        {
            migrationBuilder.DropTable(
                name: "ApiKeys");

            migrationBuilder.DropIndex(
                name: "IX_Jobs_Account_Status",
                table: "Jobs");

            migrationBuilder.DropColumn(
                name: "Account",
                table: "Models");

            migrationBuilder.DropColumn(
                name: "Account",
                table: "Jobs");

            migrationBuilder.DropColumn(
                name: "Account",
                table: "Checkpoints");
        }
    }
}
