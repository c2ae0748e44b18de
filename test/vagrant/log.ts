/** What `npm run test:vagrant` prints, in a file as well. */
import { appendFileSync, writeFileSync } from 'node:fs'

export interface Log {
  /** One or more lines. */
  say(text: string): void
  /** Output of a program, as it comes. */
  output(chunk: Buffer): void
  took(stage: string, ms: number): void
  /** Times of all stages, the verdict, and where the log is. */
  end(failure: unknown): void
}

export function openLog(file: string): Log {
  writeFileSync(file, '')
  const times: [stage: string, ms: number][] = []
  const say = (text: string): void => {
    process.stdout.write(`${text}\n`)
    appendFileSync(file, `${text}\n`)
  }
  const seconds = (ms: number): string => `${(ms / 1000).toFixed(1).padStart(7)} s`
  return {
    say,
    output(chunk) {
      process.stdout.write(chunk)
      appendFileSync(file, chunk)
    },
    took(stage, ms) {
      times.push([stage, ms])
      say(`    ${stage}: ${seconds(ms).trim()}`)
    },
    end(failure) {
      const total = times.reduce((sum, [, ms]) => sum + ms, 0)
      say('--- times')
      for (const [stage, ms] of [...times, ['together', total] as const])
        say(`${stage.padEnd(14)} ${seconds(ms)}`)
      if (failure === undefined) say('all is well, and nothing is left')
      else say(`FAILED: ${failure instanceof Error ? failure.message : String(failure)}`)
      say(`log: ${file}`)
    },
  }
}
