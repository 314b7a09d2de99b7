// SQLCipher 4 on a store file: node sqlcipher4.js FILE < key. Reads all of it, checks it, writes to it, and then writes
// every page anew.
const { readFileSync } = require("fs");
const { Database } = require("@journeyapps/sqlcipher");

const key = readFileSync(0, "ascii").trim();
const database = new Database(process.argv[2]);

function all(sql) {
    return new Promise((done, failed) => database.all(sql, (error, rows) => (error ? failed(error) : done(rows))));
}

async function main() {
    const version = (await all("PRAGMA cipher_version"))[0].cipher_version;
    if (!version.startsWith("4.")) throw new Error(`this is SQLCipher ${version}`);
    await all(`PRAGMA key="x'${key}'"`);
    await all("PRAGMA cipher_compatibility=3");
    await all("PRAGMA cipher_page_size=4096");
    const bad = await all("PRAGMA cipher_integrity_check");
    if (bad.length > 0) throw new Error(JSON.stringify(bad));
    const checked = (await all("PRAGMA integrity_check"))[0].integrity_check;
    if (checked !== "ok") throw new Error(checked);
    const names = await all("SELECT name FROM bmc ORDER BY name");
    // The tables of the vault have triggers whose functions only bmcvault has.
    await all("CREATE TABLE of_version_4(x)");
    await all("INSERT INTO of_version_4 VALUES(4)");
    await all("DROP TABLE of_version_4");
    await all("VACUUM");
    console.log(names.map((row) => row.name).join(" "));
}

main().catch((error) => {
    console.error(error.message);
    process.exitCode = 1;
});
