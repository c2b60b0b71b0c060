// The test guests under Basalt, in Bochs and TCG: what they find there is what they find on a processor, but for named
// differences.
import { before, describe, test } from "node:test";
import type { RunResult } from "../../tools/emulators/run.ts";
import { assertEnded, boot } from "./support/boot.ts";
import { assertTopic, topicBoots } from "./support/topic-boots.ts";

const places = [
  { on: "bochs", as: "basalt on bochs" },
  { on: "tcg", as: "basalt on tcg" },
] as const;

for (const { on, as } of places) {
  describe(`under Basalt on ${on}, all checks of the test guests pass:`, { concurrency: 2 }, () => {
    // Of a size that keeps two processors busy alike.
    for (const { topics, options, result, exit } of topicBoots(as, 4)) {
      describe(topics.map(({ name }) => name).join(", "), () => {
        let run: RunResult;
        before(async () => {
          run = await boot(on, "", options);
        });

        test(`the run ends with result ${result}`, () => {
          assertEnded(run, result, exit);
        });

        for (const [vm, topic] of topics.entries()) {
          test(topic.name, (t) => {
            t.diagnostic(assertTopic(as, run, vm, topic));
          });
        }
      });
    }
  });
}
