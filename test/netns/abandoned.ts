/** A program that opens a site, leaves a ping running in a guest, says its id, and waits to be killed. */
import { openHandMadeSite } from './hand-made.ts'

const site = await openHandMadeSite()
site.workloads.get('h1.vm1')?.launch(['ping', '-q', '-i', '0.01', '10.0.0.12'])
process.stdout.write(`${site.plan.id}\n`)
setInterval(() => {}, 60_000)
