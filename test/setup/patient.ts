/** A program that takes its time to leave, for setup.test.ts: exit code 3 once it has cleaned up. */

import { setTimeout as delay } from 'node:timers/promises'
import { stopSignal } from '../../bin/stop.ts'

const signal = stopSignal()
const alive = setInterval(() => {}, 1000)
process.stdout.write('ready\n')
signal.addEventListener('abort', async () => {
  await delay(300)
  process.stdout.write('cleaned up\n')
  process.exitCode = 3
  clearInterval(alive)
})
