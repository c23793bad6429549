// Holds a store open until it is killed, or says why it cannot.
import { openSqliteStore } from "../open-sqlite-store.ts";

const [folder = ""] = process.argv.slice(2);
try {
  await openSqliteStore({ folder });
  console.log("open");
  setInterval(() => {}, 60_000);
} catch (error) {
  console.log(String(error));
}
