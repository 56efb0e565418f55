"""Gateways that take text messages: for tests, for development, and any that speaks HTTP."""

from hugathome.sms.failover import FailoverSms, RoutedSms
from hugathome.sms.http import HttpSms
from hugathome.sms.log import LogSms
from hugathome.sms.outbox import OutboxSms, SentSms

__all__ = ["FailoverSms", "HttpSms", "LogSms", "OutboxSms", "RoutedSms", "SentSms"]
