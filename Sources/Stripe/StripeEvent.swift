// An event as Stripe sends it: an envelope that is read strictly, and an object inside that is read by shape. Both
// kinds are understood: snapshot events (v1, with the whole object) and thin events (v2, with a reference to it).

#if canImport(FoundationEssentials)
internal import FoundationEssentials
#else
internal import Foundation
#endif

/// A webhook's event.
public struct StripeEvent: Sendable, Hashable {
    /// Stripe's id, `evt_…`; the same in every delivery of the event.
    public let id: String
    /// `customer.subscription.updated` and the like.
    public let type: String
    /// The API version that the object is written in; nil for thin events, which have none.
    public let apiVersion: String?
    /// When it happened, in whole seconds since 1970: several events of one object may have the same.
    public let created: Int64
    public let livemode: Bool?
    /// The connected account that it happened in; nil: our own.
    public let account: String?
    /// A thin event: it says that something happened to an object, and not what the object is now.
    public let isThin: Bool
    /// `data.object`, or a thin event's `related_object`.
    public let object: StripeJSON
    /// What an update changed, with the values from before it; nil when the event is no update.
    public let previousAttributes: StripeJSON?

    /// Reads the body of a webhook whose signature was verified.
    ///
    /// - Throws: `StripeError(.malformedEvent)`: not JSON, or no event.
    public init(json body: [UInt8]) throws(StripeError) {
        let whole: StripeJSON
        do {
            whole = try JSONDecoder().decode(StripeJSON.self, from: Data(body))
        } catch {
            throw StripeError(.malformedEvent, "the body is not JSON")
        }
        let kind = whole["object"]?.string
        guard kind == "event" || kind == "v2.core.event" else {
            throw StripeError(.malformedEvent, "the body's `object` must be event or v2.core.event")
        }
        guard let id = whole["id"]?.string, (1...255).contains(id.utf8.count) else {
            throw StripeError(.malformedEvent, "the event's `id` must be a text of 1 to 255 bytes")
        }
        guard let type = whole["type"]?.string, (1...255).contains(type.utf8.count) else {
            throw StripeError(.malformedEvent, "the event's `type` must be a text of 1 to 255 bytes")
        }
        guard let created = whole["created"]?.int ?? whole["created"]?.string.flatMap(secondsOfInternetTime),
            (0...253_402_300_799).contains(created)
        else {
            throw StripeError(.malformedEvent, "the event's `created` must be seconds since 1970, or a date and time")
        }
        self.id = id
        self.type = type
        self.created = created
        self.isThin = kind == "v2.core.event"
        self.apiVersion = whole["api_version"]?.string
        self.livemode = whole["livemode"]?.bool
        self.account = whole["account"]?.string
        if self.isThin {
            self.object = whole["related_object"] ?? .null
            self.previousAttributes = nil
        } else {
            guard let object = whole["data"]?["object"], case .object = object else {
                throw StripeError(.malformedEvent, "the event's `data.object` must be an object")
            }
            self.object = object
            self.previousAttributes = whole["data"]?["previous_attributes"]
        }
    }

    /// The id of the object that it is about; nil for objects without one (`invoice.upcoming`).
    public var objectID: String? { self.object["id"]?.string }

    /// The customer that it is about, if any.
    public var customerID: String? {
        self.type.hasPrefix("customer.") && self.object["object"]?.string == "customer"
            ? self.objectID : self.object["customer"]?.reference
    }

    /// What the event says, as far as this module has a type for it.
    public var content: Content {
        guard !self.isThin else { return .other }
        switch self.type {
        case "customer.subscription.created", "customer.subscription.updated", "customer.subscription.deleted",
            "customer.subscription.paused", "customer.subscription.resumed", "customer.subscription.trial_will_end",
            "customer.subscription.pending_update_applied", "customer.subscription.pending_update_expired":
            return StripeSubscription(self.object, apiVersion: self.apiVersion).map { .subscription($0) } ?? .other
        case "invoice.paid", "invoice.payment_failed":
            return StripeInvoice(self.object).map { .invoice($0) } ?? .other
        case "checkout.session.completed", "checkout.session.async_payment_succeeded":
            return StripeCheckoutSession(self.object).map { .checkoutSession($0) } ?? .other
        default:
            return .other
        }
    }

    /// The objects that there are types for.
    public enum Content: Sendable, Hashable {
        case subscription(StripeSubscription)
        case invoice(StripeInvoice)
        case checkoutSession(StripeCheckoutSession)
        /// A type that nobody here reads, or an object that lacks what every version of it has.
        case other
    }

    /// Whether `later` says that the object was, just before it, as this event shows it.
    ///
    /// It is the only order that Stripe gives to events of one second.
    public func isPredecessor(of later: StripeEvent) -> Bool {
        guard case .object(let changes)? = later.previousAttributes, !changes.isEmpty else { return false }
        return self.object.contains(.object(changes))
    }
}

/// Seconds since 1970 of an RFC 3339 time in UTC, `2024-09-26T22:46:15.250Z`; parts of seconds are cut off.
private func secondsOfInternetTime(_ text: String) -> Int64? {
    let bytes = Array(text.utf8)
    guard bytes.count >= 20, bytes.last == UInt8(ascii: "Z") else { return nil }
    func number(_ range: Range<Int>) -> Int64? {
        guard bytes[range].allSatisfy({ (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) }) else { return nil }
        return bytes[range].reduce(0) { $0 * 10 + Int64($1 - UInt8(ascii: "0")) }
    }
    let marks = [4: "-", 7: "-", 10: "T", 13: ":", 16: ":"]
    guard marks.allSatisfy({ bytes[$0.key] == $0.value.utf8.first }),
        bytes[19] == UInt8(ascii: "Z") || bytes[19] == UInt8(ascii: "."),
        let year = number(0..<4), let month = number(5..<7), let day = number(8..<10),
        let hour = number(11..<13), let minute = number(14..<16), let second = number(17..<19),
        (1...12).contains(month), (1...31).contains(day), hour < 24, minute < 60, second <= 60
    else { return nil }
    // Days since 1970, counting years from March so that the leap day is a year's last.
    let marchYear = month > 2 ? year : year - 1
    let era = marchYear / 400
    let yearOfEra = marchYear - era * 400
    let dayOfYear = (153 * ((month + 9) % 12) + 2) / 5 + day - 1
    let days = era * 146_097 + yearOfEra * 365 + yearOfEra / 4 - yearOfEra / 100 + dayOfYear - 719_468
    return days * 86_400 + hour * 3600 + minute * 60 + second
}
