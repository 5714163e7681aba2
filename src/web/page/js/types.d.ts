// What the API answers, as `openapi.yaml` describes it. For the type checker alone.

export interface Head { as_of: string; zone: string; simulated: boolean }
export type Role = "import" | "export" | "generation" | "other";
export type Unit = "kWh" | "Wh" | "m3" | "l";
/** `amount` is in the unit of the meter, as `rate` is in its `rate_unit`. */
export interface Count { pulses: number; energy_wh: number | null; amount?: number | null; watched_s: number }
/** The same of today: null where the journal could not be asked yet. */
export type TodayCount = Omit<Count, "pulses"> & { pulses: number | null };
export interface MeterHead { meter: string; role: Role; unit?: Unit; rate_unit?: string; imp_per_kwh: number | null; pulses_per_unit?: number | null }
export interface Condition {
  word: string; severity: "info" | "warning" | "critical"; meter: string | null; sentence: string; remedy: string; why?: string; text?: string;
  since?: string | null;
}
export interface Health {
  level: "ok" | "warning" | "critical"; sentence: string; counting_since: string | null; lost: number; restored: number; unwatched_s: number; counted: boolean;
  running: boolean; delivery: { state: string; backlog: number; lag_s: number | null; raw: boolean } | null;
  clock: { trust: string; holding: boolean } | null; conditions: Condition[];
}
export interface NowMeter extends MeterHead {
  pulses: number | null; last_pulse: string | null; power_w: number | null; rate?: number | null;
  is_bound: boolean; is_read: boolean; today: TodayCount;
}
export interface Flow {
  span_s: number; import_w: number | null; export_w: number | null; generation_w: number | null; self_w: number | null; house_w: number | null;
  why: string | null;
}
export interface Derived {
  house_wh: number | null; self_wh: number | null; autarky: number | null; self_rate: number | null; meters_disagree: boolean; why: string | null;
}
export interface Money {
  currency: string; import: string | null; export: string | null; standing: string | null; total: string | null; complete: boolean;
  unpriced_kwh: string;
}
export interface SpanMoney extends Money {
  parts: { import: string[] | null; export: string[] | null };
  positions: {
    kind: "import" | "export" | "standing" | "unpriced"; name: string | null; valid_from: string | null; kwh: string | null; price: string | null;
    per: "day" | "month" | "year" | null; days: number | null; amount: string | null;
  }[];
}
export interface Now extends Head {
  site: string | null; clock_trusted: boolean; meters: NowMeter[]; flow: Flow; health?: Health;
  today: { date: string; from: string; to: string; complete: boolean; derived: Derived; money: Money | null };
}
export interface Minute {
  start_s: number; width_s: number;
  meters: { meter: string; pulses: number | null; energy_wh: number | null; watched_s: number; mean_w: number | null; min_w: number | null; max_w: number | null; mean_rate?: number }[];
}
export interface EnergyMeter extends MeterHead {
  pulses: (number | null)[]; energy_wh: (number | null)[]; amount?: (number | null)[]; watched_s: number[];
  total: Count; restored: number; min_w: number | null; max_w: number | null;
}
export interface EnergySpan {
  period: "day" | "week" | "month" | "year" | "total"; date: string | null; from: string; to: string; part: "hour" | "day" | "month" | "year";
  starts_s: number[]; dates: string[]; complete: boolean; meters: EnergyMeter[]; house_wh: (number | null)[] | null; self_wh: (number | null)[] | null;
  derived: Derived; money: SpanMoney | null;
  /** Of meters of one unit that are shown by themselves: `wh` are thousandths of it. */
  unit?: Unit;
  /** Where bars are money: `wh` are thousandths of the currency. */
  costs?: { currency: string; series: (import("./sums.js").Series & { total: number })[]; net: { role: string; wh: (number | null)[]; total: number } };
}
export interface Energy extends Head, EnergySpan { today: string; first_date: string | null; compared: EnergySpan | null }
export interface HistoryMeter extends MeterHead {
  pulses: (number | null)[]; mean_w: (number | null)[]; min_w: (number | null)[]; max_w: (number | null)[]; watched_s: number[];
}
/** Of a meter for gas or water. */
export interface HistoryFlow extends MeterHead {
  pulses: (number | null)[]; mean_rate: (number | null)[]; min_rate: (number | null)[]; max_rate: (number | null)[]; watched_s: number[];
}
export interface HistoryPulses extends MeterHead {
  at_ms: number[]; power_w?: (number | null)[]; rate?: (number | null)[]; is_estimated: boolean[]; unwatched_s?: [number, number][];
}
export interface History extends Head {
  from: string; to: string; level: "raw" | "1m" | "5m" | "15m" | "1h" | "1d"; width_s: number | null; start_s: number | null; starts_s: number[] | null;
  first: string | null; complete: boolean; meters: (HistoryMeter | HistoryFlow | HistoryPulses)[];
}
export interface LossStatus { cause: string; filter: boolean; lost: boolean; pulses: number; first_ns: number; last_ns: number }
export interface Meter extends MeterHead {
  is_configured: boolean; chip: string | null; line: string | null; pulses: number | null;
  last_pulse: string | null; power_w: number | null; rate?: number | null; is_bound: boolean; today: TodayCount;
  register: { shown: number; read_shown: number; unit: Unit; read_at: string; pulses: number; pulses_per_unit: number; face: string; digits: string | null; serial: string | null; exchanged_at: string | null } | null;
  usual_silence_s: number | null; is_silent: boolean; line_status: { is_read: boolean; since_ns: number | null; why: string } | null;
  filter: { judged: number; rejected: number; too_many: string | null; excess_w: number | null } | null; losses: LossStatus[];
  gap_s?: number | null; widths_ms?: number[];
}
export interface Meters extends Head { can_write: boolean; meters: Meter[] }
export interface Status {
  at_ns: number; simulated: boolean; journal_bytes: number; journal_pulses: number; journal_opened: number; waiting: number; clock: { trust: string; holding: boolean } | null; running: boolean | null;
  journal_dir: string; to_import: string[]; version?: string | null; commit?: string | null; started_ns?: number | null; written_bytes?: number | null;
  meters: { name: string; is_configured: boolean; line: { is_read: boolean; since_ns: number | null; why: string } | null }[];
  delivery: {
    destination: string; state: string; message: string; since_ns: number; raw: boolean; backlog: number; lag_ns: number | null;
    views: { state: string; message: string; until_s: Record<string, number>; levels: Record<string, { unequal: number }> };
  } | null;
}
export interface Losses {
  simulated: boolean; lost: number; since_s: number | null; entries: (LossStatus & { meter: string })[]; dated: (LossStatus & { meter: string })[];
  unwatched: { meter: string; from_s: number | null; until_s: number | null; why?: string }[];
}
export interface Problem { type: string; title: string; status: number; detail: string; remedy: string; errors?: { parameter: string; detail: string }[]; drift?: { expected: number; by: number; unit: Unit; pulses: number; is_rounding: boolean } }
