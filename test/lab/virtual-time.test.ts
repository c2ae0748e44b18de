/** Who moves the clock of a lab with a seed, where nothing else runs: every turn and every timer here is the test's own. */
import { setTimeout as realSleep } from 'node:timers/promises'
import { expect, test } from 'vitest'
import { chanceOf } from '../../topologies/lab/memory/chance.ts'
import { virtualTime } from '../../topologies/lab/memory/virtual-time.ts'

const timeOf = (options = {}) => virtualTime({ replay: 'seed 7', ...options })

/** So many turns of the event loop. */
async function turns(count: number): Promise<void> {
  for (let turn = 0; turn < count; turn++) await new Promise((next) => setImmediate(next))
}

test('an hour passes at once, and only while somebody waits', async () => {
  const time = timeOf()
  const ran: number[] = []
  time.parts.after(1000, () => void ran.push(time.parts.now()))
  await turns(100)
  await realSleep(5)
  expect(ran).toEqual([])
  const began = time.clock.now()
  await time.clock.sleep(3_599_000)
  expect(ran).toEqual([began + 1000])
  expect(time.clock.now()).toBe(began + 3_599_000)
})

test('time stands still while anything is under way, however many turns it takes', async () => {
  const time = timeOf()
  const seen: string[] = []
  time.parts.after(1, () => void seen.push('the next timer'))
  await time.run(async () => {
    for (let turn = 0; turn < 500; turn++) await new Promise((next) => setImmediate(next))
    seen.push(`500 turns, ${time.parts.now()} ms`)
    await time.parts.sleep(1)
  })
  expect(seen).toEqual(['500 turns, 1000 ms', 'the next timer'])
})

test('what was under way when somebody asks comes first, and what an answer leaves under way before it returns', async () => {
  const time = timeOf()
  const order: string[] = []
  void turns(50).then(() => order.push('before'))
  await time.run(() => {
    order.push('asked')
    void turns(50).then(() => order.push('left over'))
  })
  expect(order).toEqual(['before', 'asked', 'left over'])
})

test('work of the machine is waited for, and takes no time', async () => {
  const time = timeOf()
  let isLate = false
  time.parts.after(10, () => {
    isLate = true
  })
  const seen = await time.run(() => time.hold(realSleep(20).then(() => [isLate, time.parts.now()])))
  expect(seen).toEqual([false, 1000])
})

test('two that wait share the time, each as long as it takes', async () => {
  const time = timeOf()
  const woken: string[] = []
  const sleeper = async (name: string, ms: number) => {
    await time.clock.sleep(ms)
    woken.push(`${name} at ${time.clock.now()}`)
  }
  await Promise.all([sleeper('b', 200), sleeper('a', 100), sleeper('c', 300)])
  expect(woken).toEqual(['a at 1100', 'b at 1200', 'c at 1300'])
})

test('two labs of one process do not take each other for work', async () => {
  const [one, other] = [timeOf(), timeOf()]
  await Promise.all([one.clock.sleep(1000), other.clock.sleep(2000)])
  expect([one.clock.now(), other.clock.now()]).toEqual([2000, 3000])
})

test('what never comes about ends with the seed: after its patience, at once where nothing could happen, and with the lab', async () => {
  const patient = timeOf({ patienceMs: 60_000 })
  const beat = (): void => void patient.parts.after(1000, beat)
  beat()
  const never = new Promise<never>(() => {})
  await expect(patient.run(() => never)).rejects.toThrow('nothing came of it within 60 s; seed 7')
  const idle = timeOf()
  await expect(idle.run(() => never)).rejects.toThrow('waits for nothing that could happen; seed 7')
  const closed = timeOf()
  const waiting = expect(closed.run(() => never)).rejects.toThrow('the lab is closed; seed 7')
  closed.stop()
  await waiting
  await expect(closed.run(() => 1)).rejects.toThrow('the lab is closed; seed 7')
})

test('a lab that never comes to rest is ended, and what keeps it going is named', async () => {
  const time = timeOf({ mostTurns: 1000 })
  let isOver = false
  const storm = (): void => {
    if (!isOver) setImmediate(storm)
  }
  storm()
  const failed = time.run(() => 1)
  await expect(failed).rejects.toThrow(
    /does not come to rest at 1000 ms: storm virtual-time\.test\.ts:\d+ \(\d+ in 5 turns\).*; seed 7$/,
  )
  isOver = true
})

test('timers that set themselves again for the same moment end the lab', async () => {
  const time = timeOf({ mostTurns: 1000 })
  const again = (): void => void time.parts.after(0, () => setImmediate(again))
  again()
  const never = new Promise<never>(() => {})
  const failed = 'time does not get on at 1000 ms; seed 7'
  await expect(time.run(() => never)).rejects.toThrow(failed)
  const other = timeOf({ mostTurns: 1000 })
  const atOnce = (): void => void other.parts.after(0, atOnce)
  atOnce()
  await expect(other.run(() => never)).rejects.toThrow(failed)
})

test('each purpose has chance of its own: the same of a seed, whoever else asks', () => {
  const draw = (random: () => number) => Array.from({ length: 4 }, () => Math.floor(random() * 1e6))
  const one = chanceOf(7)
  const other = chanceOf(7)
  draw(other('somebody else'))
  const first = draw(one('host h1'))
  expect(draw(other('host h1'))).toEqual(first)
  // It goes on where it was.
  expect(draw(other('host h1'))).toEqual(draw(one('host h1')))
  expect(draw(chanceOf(8)('host h1'))).not.toEqual(first)
  expect(draw(one('host h2'))).not.toEqual(first)
})

test('chance is even: of 100,000 draws each twentieth has its share', () => {
  const random = chanceOf(7)('evenness')
  const counts = Array.from({ length: 20 }, () => 0)
  for (let n = 0; n < 100_000; n++) {
    const at = Math.floor(random() * 20)
    counts[at] = (counts[at] ?? 0) + 1
  }
  // Of 5,000 each, six standard deviations are 414.
  expect(Math.max(...counts.map((count) => Math.abs(count - 5000)))).toBeLessThan(414)
})
