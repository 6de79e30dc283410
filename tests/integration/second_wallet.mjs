// A wallet that shares no code with the product: signs typed data with viem.
// Standard input: {"key", "typed": {"domain", "types", "primaryType", "message"}}, whole numbers as text, and
// "theirs", a signature to check. Standard output: {"address", "digest", "signature", "verifies"}.
import { readFileSync } from "node:fs";
import { hashTypedData, verifyTypedData } from "viem";
import { privateKeyToAccount } from "viem/accounts";

const { key, typed, theirs } = JSON.parse(readFileSync(0, "utf8"));
for (const { name, type } of typed.types[typed.primaryType]) {
  if (type.startsWith("uint")) typed.message[name] = BigInt(typed.message[name]);
}
const account = privateKeyToAccount(key);
const answer = {
  address: account.address,
  digest: hashTypedData(typed),
  signature: await account.signTypedData(typed),
  verifies: await verifyTypedData({ ...typed, address: account.address, signature: theirs }),
};
process.stdout.write(JSON.stringify(answer));
