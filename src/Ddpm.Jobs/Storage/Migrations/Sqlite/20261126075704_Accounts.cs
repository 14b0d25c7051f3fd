using System;
using Microsoft.EntityFrameworkCore.Migrations;

#nullable disable

namespace Ddpm.Jobs.Storage.Migrations.Sqlite
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
                type: "TEXT",
                maxLength: 64,
                nullable: false,
                defaultValue: "local");

            migrationBuilder.AddColumn<string>(
                name: "Account",
                table: "Jobs",
                type: "TEXT",
                maxLength: 64,
                nullable: false,
                defaultValue: "local");

            migrationBuilder.AddColumn<string>(
                name: "Account",
                table: "Checkpoints",
                type: "TEXT",
                maxLength: 64,
                nullable: false,
                defaultValue: "local");

            migrationBuilder.CreateTable(
                name: "ApiKeys",
                columns: table => new
                {
                    Id = table.Column<Guid>(type: "TEXT", nullable: false),
                    Account = table.Column<string>(type: "TEXT", maxLength: 64, nullable: false),
                    Role = table.Column<string>(type: "TEXT", maxLength: 32, nullable: false),
                    Prefix = table.Column<string>(type: "TEXT", maxLength: 16, nullable: false),
                    Sha256 = table.Column<string>(type: "TEXT", maxLength: 64, nullable: false),
                    CreatedAt = table.Column<DateTime>(type: "TEXT", nullable: false),
                    ExpiresAt = table.Column<DateTime>(type: "TEXT", nullable: true),
                    LastUsedAt = table.Column<DateTime>(type: "TEXT", nullable: true),
                    RevokedAt = table.Column<DateTime>(type: "TEXT", nullable: true)
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
