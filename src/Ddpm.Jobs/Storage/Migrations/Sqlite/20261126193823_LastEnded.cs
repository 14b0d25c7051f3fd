using Microsoft.EntityFrameworkCore.Migrations;

#nullable disable

namespace Ddpm.Jobs.Storage.Migrations.Sqlite
{
    /// <inheritdoc />
    public partial class LastEnded : Migration
    {
        /// <inheritdoc />
        protected override void Up(MigrationBuilder migrationBuilder)
        {
            migrationBuilder.CreateIndex(
                name: "IX_Jobs_Kind_EndedAt",
                table: "Jobs",
                columns: new[] { "Kind", "EndedAt" });
        }

        /// <inheritdoc />
        protected override void Down(MigrationBuilder migrationBuilder)
        {
            migrationBuilder.DropIndex(
                name: "IX_Jobs_Kind_EndedAt",
                table: "Jobs");
        }
    }
}
