"""The addresses of the clinic; those under /visit never reach Django."""

from django.urls import path

from clinic import pages, views

urlpatterns = [
    path("appointments", views.plan),
    path("appointments/<int:number>", views.look),
    path("appointments/<int:number>/room", views.room),
    path("appointments/<int:number>/admit", views.admit),
    path("appointments/<int:number>/end", views.end),
    path("appointments/<int:number>/framed", pages.framed),
    path("appointments/<int:number>/embedded", pages.embedded),
    path("clinic.js", pages.script),
    path("events", views.events),
]
